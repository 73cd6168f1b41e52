create function public.apply_dispute(
  event_id text, stripe_dispute_id text, payment_intent_id text, charge_id text,
  amount_cents bigint, currency text, status text, reason text, withdrawn_cents bigint,
  reinstated_cents bigint, created bigint, order_ref text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_dispute(
    apply_dispute.event_id,
    apply_dispute.stripe_dispute_id,
    apply_dispute.payment_intent_id,
    apply_dispute.charge_id,
    apply_dispute.amount_cents,
    apply_dispute.currency,
    apply_dispute.status,
    apply_dispute.reason,
    apply_dispute.withdrawn_cents,
    apply_dispute.reinstated_cents,
    apply_dispute.created,
    apply_dispute.order_ref
  );
end;
$$;
comment on function public.apply_dispute is 'Apply an event about a dispute at Stripe, with the dispute as the caller has just read it: {outcome, order_id, outbox_ids, alerts}. withdrawn_cents and reinstated_cents are sums of its balance transactions. An older reading has the outcome order_already_processed. Raises INTENT_UNKNOWN (call again with the order_ref of the intent''s metadata), PREDECESSOR_MISSING (its payment is not recorded yet) and PAYLOAD_UNREADABLE.';
grant execute on function public.apply_dispute to service_role;

create function public.record_dispute(
  stripe_dispute_id text, payment_intent_id text, charge_id text, amount_cents bigint,
  currency text, status text, reason text, withdrawn_cents bigint, reinstated_cents bigint,
  created bigint
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_dispute(
    record_dispute.stripe_dispute_id,
    record_dispute.payment_intent_id,
    record_dispute.charge_id,
    record_dispute.amount_cents,
    record_dispute.currency,
    record_dispute.status,
    record_dispute.reason,
    record_dispute.withdrawn_cents,
    record_dispute.reinstated_cents,
    record_dispute.created
  );
end;
$$;
comment on function public.record_dispute is 'Apply a dispute that the caller has just read from Stripe, as the event about it does: {outcome, order_id, outbox_ids, alerts}. A dispute of an unknown payment is ignored. Raises PAYLOAD_UNREADABLE.';
grant execute on function public.record_dispute to service_role;

create function public.claim_open_disputes(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_open_disputes(claim_open_disputes.max_rows);
end;
$$;
comment on function public.claim_open_disputes is 'Return the ids at Stripe of disputes that may have changed without an event: those that are open, and those that were won and whose money is missing. Each is returned at most every ten minutes, to one caller.';
grant execute on function public.claim_open_disputes to service_role;

create function public.open_dispute(
  order_id uuid, dispute_type text, reason text, description text,
  client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.open_dispute(
    open_dispute.order_id,
    open_dispute.dispute_type,
    open_dispute.reason,
    open_dispute.description,
    open_dispute.client_request_id
  );
end;
$$;
comment on function public.open_dispute is 'Open a dispute about an order, as its buyer or seller: {success, dispute_id}. The order is disputed until staff decide. dispute_type is item_not_received, item_not_as_described, damaged_item, wrong_item or other. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, VALIDATION_ERROR, PAYMENT_IN_TEXT (with field, start, end), CONFLICT (the order is not between payment and release, or a refund or a dispute is open), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';
grant execute on function public.open_dispute to authenticated;

create function public.resolve_dispute(
  dispute_id uuid, decision text, note text, refund_cents bigint default null,
  client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.resolve_dispute(
    resolve_dispute.dispute_id,
    resolve_dispute.decision,
    resolve_dispute.note,
    resolve_dispute.refund_cents,
    resolve_dispute.client_request_id
  );
end;
$$;
comment on function public.resolve_dispute is 'Decide a dispute that a party opened, as staff: {success}. refund: all that is left goes back, then the order is refunded. partial: refund_cents goes back, then the order continues. deny: the order continues. Audited. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (a party of the dispute), VALIDATION_ERROR, CONFLICT (decided already, the bank decides, or Stripe holds the money), REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.resolve_dispute to authenticated;

create function public.add_dispute_message(
  dispute_id uuid, content text, is_internal boolean default false,
  client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.add_dispute_message(
    add_dispute_message.dispute_id,
    add_dispute_message.content,
    add_dispute_message.is_internal,
    add_dispute_message.client_request_id
  );
end;
$$;
comment on function public.add_dispute_message is 'Write a message about a dispute, as a party or staff: {success, message_id}. Only staff write and read internal messages. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, CONFLICT (the dispute is decided), VALIDATION_ERROR, PAYMENT_IN_TEXT (with field, start, end; never for staff), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';
grant execute on function public.add_dispute_message to authenticated;
