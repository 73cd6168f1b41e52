create function public.apply_payment_succeeded(
  event_id text, order_id text, payment_intent_id text, charge_id text, amount_cents bigint,
  currency text, buyer_id text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_payment_succeeded(
    apply_payment_succeeded.event_id,
    apply_payment_succeeded.order_id,
    apply_payment_succeeded.payment_intent_id,
    apply_payment_succeeded.charge_id,
    apply_payment_succeeded.amount_cents,
    apply_payment_succeeded.currency,
    apply_payment_succeeded.buyer_id
  );
end;
$$;
comment on function public.apply_payment_succeeded is 'Apply payment_intent.succeeded: settle the order, or record a stray and refund it. Answers {outcome, order_id, outbox_ids, alerts}. Another event about the same money has the outcome order_already_processed.';
grant execute on function public.apply_payment_succeeded to service_role;

create function public.confirm_payment_transaction(
  order_id uuid, payment_intent_id text, charge_id text, amount_cents bigint, currency text,
  user_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.confirm_payment_transaction(
    confirm_payment_transaction.order_id,
    confirm_payment_transaction.payment_intent_id,
    confirm_payment_transaction.charge_id,
    confirm_payment_transaction.amount_cents,
    confirm_payment_transaction.currency,
    confirm_payment_transaction.user_id
  );
end;
$$;
comment on function public.confirm_payment_transaction is 'Apply a succeeded intent that the caller has just read from Stripe: {success, order_id, state, alerts}. It does the same as apply_payment_succeeded, and the later of the two calls changes nothing. A stray is recorded, refunded and answered TRANSACTION_FAILED. So is a payment of an order without a current intent, but its event decides about it. Other refusals: RESOURCE_NOT_FOUND, FORBIDDEN.';
grant execute on function public.confirm_payment_transaction to service_role;

create function public.apply_payment_failed(
  event_id text, order_id text, payment_intent_id text, charge_id text, error_message text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_payment_failed(
    apply_payment_failed.event_id,
    apply_payment_failed.order_id,
    apply_payment_failed.payment_intent_id,
    apply_payment_failed.charge_id,
    apply_payment_failed.error_message
  );
end;
$$;
comment on function public.apply_payment_failed is 'Apply payment_intent.payment_failed: record the decline of this charge and notify the buyer. The order stays as it is, and a later success still pays. Answers {outcome, order_id, outbox_ids, alerts}.';
grant execute on function public.apply_payment_failed to service_role;

create function public.apply_payment_authorized(
  event_id text, order_id text, payment_intent_id text, capturable_cents bigint
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_payment_authorized(
    apply_payment_authorized.event_id,
    apply_payment_authorized.order_id,
    apply_payment_authorized.payment_intent_id,
    apply_payment_authorized.capturable_cents
  );
end;
$$;
comment on function public.apply_payment_authorized is 'Apply payment_intent.amount_capturable_updated: record the amount that could be captured. The order stays as it is. Answers {outcome, order_id, outbox_ids, alerts}.';
grant execute on function public.apply_payment_authorized to service_role;

create function public.apply_payment_canceled(
  event_id text, order_id text, payment_intent_id text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_payment_canceled(
    apply_payment_canceled.event_id,
    apply_payment_canceled.order_id,
    apply_payment_canceled.payment_intent_id
  );
end;
$$;
comment on function public.apply_payment_canceled is 'Apply payment_intent.canceled: detach the intent if it is the current one. The order stays, and the buyer may begin another intent until the order is due. Answers {outcome, order_id, outbox_ids, alerts}.';
grant execute on function public.apply_payment_canceled to service_role;

create function public.begin_payment(order_id uuid, buyer_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.begin_payment(begin_payment.order_id, begin_payment.buyer_id);
end;
$$;
comment on function public.begin_payment is 'Return every parameter of the order''s next PaymentIntent: {success, attempt, answered_errors?, first_error?, amount_cents, currency, listing_title, receipt_email?, payment_intent_id?}. payment_intent_id is the current intent, to be used again. first_error is when Stripe first answered this attempt with an error, in Unix seconds. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, TRANSACTION_FAILED.';
grant execute on function public.begin_payment to service_role;

create function public.record_intent_error(
  order_id uuid, attempt integer, answered_errors integer, error_code text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_intent_error(
    record_intent_error.order_id,
    record_intent_error.attempt,
    record_intent_error.answered_errors,
    record_intent_error.error_code
  );
end;
$$;
comment on function public.record_intent_error is 'Count an error that Stripe answered to a new PaymentIntent of this attempt: {success, answered_errors}. The argument answered_errors is the count that the failed key had; each key raises the count once. STRIPE_EMAIL_REFUSED also drops the address for the receipt. Refusal: RESOURCE_NOT_FOUND.';
grant execute on function public.record_intent_error to service_role;

create function public.attach_payment_intent(
  order_id uuid, attempt integer, payment_intent_id text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.attach_payment_intent(
    attach_payment_intent.order_id,
    attach_payment_intent.attempt,
    attach_payment_intent.payment_intent_id
  );
end;
$$;
comment on function public.attach_payment_intent is 'Make an intent the current one of an order that can be paid and has none: {success, payment_intent_id}. If another call was faster, payment_intent_id is its intent, and this one is canceled through the outbox. Refusals: RESOURCE_NOT_FOUND, TRANSACTION_FAILED, CONFLICT (begin again).';
grant execute on function public.attach_payment_intent to service_role;

create function public.process_refund_transaction(
  order_id uuid, refund_amount_cents bigint, refund_reason text, user_id uuid,
  client_request_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.process_refund_transaction(
    process_refund_transaction.order_id,
    process_refund_transaction.refund_amount_cents,
    process_refund_transaction.refund_reason,
    process_refund_transaction.user_id,
    process_refund_transaction.client_request_id
  );
end;
$$;
comment on function public.process_refund_transaction is 'Reserve a refund of an order: {success, refund_id, status}. Without an amount, all that is left is refunded. The money comes from the settling payment. If the order has ended or was never paid, it comes from the oldest payment that is not back. The seller may refund an order until it is released. Staff may also refund a released order. Staff and our own jobs (without user_id) may refund money that must go back. The same client_request_id gets the same refund with its present status. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, CONFLICT, VALIDATION_ERROR, REQUEST_ID_REUSED. Raises CLIENT_REQUEST_ID_MISSING.';
grant execute on function public.process_refund_transaction to service_role;

create function public.refund_order(
  order_id uuid, refund_amount_cents bigint, user_id uuid, aal text, client_request_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.refund_order(
    refund_order.order_id,
    refund_order.refund_amount_cents,
    refund_order.user_id,
    refund_order.aal,
    refund_order.client_request_id
  );
end;
$$;
comment on function public.refund_order is 'Reserve a refund for the seller of an order or for staff: {success, refund_id, status}. aal is the strength that the user''s token names. Staff need a second factor, unless the setting require_staff_aal2 is false. All else is as in process_refund_transaction.';
grant execute on function public.refund_order to service_role;

create function public.refund_payment(
  payment_intent_id text, refund_reason text, user_id uuid, client_request_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.refund_payment(
    refund_payment.payment_intent_id,
    refund_payment.refund_reason,
    refund_payment.user_id,
    refund_payment.client_request_id
  );
end;
$$;
comment on function public.refund_payment is 'Reserve a refund of all that is left of one payment, which may be a stray: {success, refund_id, status}. Callers and refusals are those of process_refund_transaction.';
grant execute on function public.refund_payment to service_role;

create function public.unreturned_payments()
returns table (
  order_id uuid, payment_intent_id text, currency text, captured_cents bigint,
  unreturned_cents bigint
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query select * from private.unreturned_payments();
end;
$$;
comment on function public.unreturned_payments is 'Return every payment that must go back to the buyer: a stray, or a payment of an order that has ended. unreturned_cents is the part that is neither refunded, pending nor lost in a dispute. A payment is left out while Stripe holds its money for a dispute. Call refund_payment for each.';
grant execute on function public.unreturned_payments to service_role;

create function public.refund_refused_strays(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.refund_refused_strays(refund_refused_strays.max_rows);
end;
$$;
comment on function public.refund_refused_strays is 'Queue the refund of the rest of each stray whose refund Stripe has refused, because a part went back in its dashboard or a dispute held the money. Each amount is requested once more. Return their number.';
grant execute on function public.refund_refused_strays to service_role;

create function public.apply_refund(
  event_id text, stripe_refund_id text, outbox_id text, payment_intent_id text,
  amount_cents bigint, status text, order_ref text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_refund(
    apply_refund.event_id,
    apply_refund.stripe_refund_id,
    apply_refund.outbox_id,
    apply_refund.payment_intent_id,
    apply_refund.amount_cents,
    apply_refund.status,
    apply_refund.order_ref
  );
end;
$$;
comment on function public.apply_refund is 'Apply an event about a refund, ours or one made outside: {outcome, order_id, outbox_ids, alerts}. Raises INTENT_UNKNOWN (call again with the order_ref of the intent''s metadata), PREDECESSOR_MISSING (its payment is not recorded yet) and REFUND_CONTRADICTED (it would exceed the payment, so the failure of another refund must come first).';
grant execute on function public.apply_refund to service_role;

create function public.claim_open_intents(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_open_intents(claim_open_intents.max_rows);
end;
$$;
comment on function public.claim_open_intents is 'Return intents that may have changed at Stripe without an event: an array of {payment_intent_id, order_id}. They are open and at least ten minutes old. Each is returned at most every ten minutes, to one caller.';
grant execute on function public.claim_open_intents to service_role;

create function public.claim_open_refunds(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_open_refunds(claim_open_refunds.max_rows);
end;
$$;
comment on function public.claim_open_refunds is 'Return the ids at Stripe of pending refunds that may have changed without an event, as claim_open_intents does.';
grant execute on function public.claim_open_refunds to service_role;

create function public.claim_differing_intents(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_differing_intents(claim_differing_intents.max_rows);
end;
$$;
comment on function public.claim_differing_intents is 'Return the intents of orders whose ledger differs from Stripe, for reading them, their refunds and disputes again: an array of {payment_intent_id, order_id}. Each is returned at most every ten minutes, to one caller.';
grant execute on function public.claim_differing_intents to service_role;

create function public.record_intent(
  order_id uuid, payment_intent_id text, status text, charge_id text, amount_cents bigint,
  currency text, buyer_id text, dedupe_key text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_intent(
    record_intent.order_id,
    record_intent.payment_intent_id,
    record_intent.status,
    record_intent.charge_id,
    record_intent.amount_cents,
    record_intent.currency,
    record_intent.buyer_id,
    record_intent.dedupe_key
  );
end;
$$;
comment on function public.record_intent is 'Apply the state of an intent that the caller has just read from Stripe, as the event about it does: {outcome, order_id, outbox_ids, alerts}. Only succeeded and canceled change anything. The dedupe_key of its metadata lets an intent pay that a restore of the database has lost.';
grant execute on function public.record_intent to service_role;

create function public.record_refund(
  stripe_refund_id text, outbox_id text, payment_intent_id text, amount_cents bigint, status text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_refund(
    record_refund.stripe_refund_id,
    record_refund.outbox_id,
    record_refund.payment_intent_id,
    record_refund.amount_cents,
    record_refund.status
  );
end;
$$;
comment on function public.record_refund is 'Apply the state of a refund that the caller has just read from Stripe, as the event about it does: {outcome, order_id, outbox_ids, alerts}. A refund of an unknown payment is ignored.';
grant execute on function public.record_refund to service_role;

create function public.discard_unattached_intents(payment_intent_ids text[], order_refs text[])
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.discard_unattached_intents(
    discard_unattached_intents.payment_intent_ids,
    discard_unattached_intents.order_refs
  );
end;
$$;
comment on function public.discard_unattached_intents is 'Cancel open intents that were made for orders of ours and attached to none, through the outbox; order_refs names the order of each. Return the number of intents that are queued now.';
grant execute on function public.discard_unattached_intents to service_role;
