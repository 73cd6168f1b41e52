-- This migration makes payments of buyers and refunds work.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Payments: functions.

create function private.apply_payment_authorized(
  p_event_id text, p_order_id text, p_payment_intent_id text, p_capturable_cents bigint
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_order public.orders;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  select * into v_order from public.orders
  where id = private.order_id_in(p_order_id) for update;
  if v_order.id is null or private.is_intent_of_another_order(v_order.id, p_payment_intent_id) then
    return private.settle_misplaced_event(p_event_id, v_order.id);
  elsif p_payment_intent_id is null or coalesce(p_capturable_cents, -1) < 0 then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  return private.settle_event(
    p_event_id,
    case
      when private.record_authorization(v_order, p_payment_intent_id, p_capturable_cents)
        then 'processed'
      else 'order_already_processed'
    end,
    v_order.id
  );
end;
$$;
comment on function private.apply_payment_authorized is 'Record that the money of an intent is authorized; see the public wrapper.';
grant execute on function private.apply_payment_authorized to service_role;

create function private.record_authorization(
  p_order public.orders, p_payment_intent_id text, p_capturable_cents bigint
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  insert into public.payments as payment (
    order_id, provider_ref, stripe_payment_intent_id, status, amount_cents, fee_cents,
    capturable_amount_cents, currency
  )
  values (
    p_order.id, p_payment_intent_id, p_payment_intent_id, 'authorized', p_order.amount_cents,
    p_order.platform_fee_cents, p_capturable_cents, p_order.currency
  )
  on conflict (order_id, stripe_payment_intent_id) do update
  set
    status = excluded.status, capturable_amount_cents = excluded.capturable_amount_cents,
    error_message = null
  -- A capture and a cancellation are final.
  where payment.status in ('requires_payment', 'processing', 'failed')
    or (
      payment.status = 'authorized'
      and payment.capturable_amount_cents <> excluded.capturable_amount_cents
    );
  return found;
end;
$$;
comment on function private.record_authorization is 'Record the amount of an intent that could be captured. Return true if it was not known. The caller holds the lock of the order.';

create function private.record_capture(
  p_order public.orders, p_payment_intent_id text, p_charge_id text, p_amount_cents bigint,
  p_currency text, p_buyer_id text, p_event_id text, out is_new boolean, out is_settled boolean,
  out outbox_ids uuid[], out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_payment public.payments;
  v_stray text;
begin
  outbox_ids := '{}';
  alerts := '{}';
  select * into v_payment from public.payments
  where order_id = p_order.id and stripe_payment_intent_id = p_payment_intent_id
  for update;
  is_new := not coalesce(private.is_captured(v_payment.status), false);
  if not is_new then
    is_settled := v_payment.settles_order;
    return;
  end if;

  if p_payment_intent_id is null
    or (p_amount_cents > 0 and p_currency ~ '^[a-z]{3}$') is not true
    or private.is_charge_of_another_payment(p_order.id, p_payment_intent_id, p_charge_id)
  then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  v_stray := private.stray_reason(
    p_order, p_payment_intent_id, p_amount_cents, p_currency, p_buyer_id
  );
  is_settled := v_stray is null;
  v_payment := private.write_captured_payment(
    p_order, p_payment_intent_id, p_charge_id, p_amount_cents, p_currency, is_settled
  );
  perform private.post_capture(p_order, v_payment, p_event_id);
  perform private.wake_waiting_events(p_payment_intent_id, v_payment.processed_at, p_order.id);
  if is_settled then
    perform private.transition_order(p_order.id, 'paid', null, 'stripe', 'payment_succeeded');
    return;
  end if;
  outbox_ids := array[private.refund_stray(p_order, v_payment)];
  alerts := array['stray_payment:' || v_stray];
end;
$$;
comment on function private.record_capture is 'Record captured money once. It settles the order, or it is a stray and goes back. The caller holds the lock of the order.';

create function private.is_charge_of_another_payment(
  p_order_id uuid, p_payment_intent_id text, p_charge_id text
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.payments
    where
      stripe_charge_id = p_charge_id
      and (order_id, stripe_payment_intent_id)
      is distinct from (p_order_id, p_payment_intent_id)
  );
end;
$$;
comment on function private.is_charge_of_another_payment is 'Return true if a charge is known under another intent or another order. Stripe makes each charge for one intent, so such a message contradicts an earlier one.';

create function private.write_captured_payment(
  p_order public.orders, p_payment_intent_id text, p_charge_id text, p_amount_cents bigint,
  p_currency text, p_is_settling boolean
)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_payment public.payments;
begin
  insert into public.payments (
    order_id, provider_ref, stripe_payment_intent_id, stripe_charge_id, status, amount_cents,
    fee_cents, currency, settles_order, processed_at
  )
  values (
    p_order.id, p_payment_intent_id, p_payment_intent_id, p_charge_id, 'captured',
    p_amount_cents, case when p_is_settling then p_order.platform_fee_cents else 0 end,
    p_currency, p_is_settling, v_now
  )
  on conflict (order_id, stripe_payment_intent_id) do update
  set
    stripe_charge_id = excluded.stripe_charge_id,
    status = excluded.status,
    amount_cents = excluded.amount_cents,
    fee_cents = excluded.fee_cents,
    currency = excluded.currency,
    settles_order = excluded.settles_order,
    capturable_amount_cents = 0,
    error_message = null,
    processed_at = excluded.processed_at
  returning * into v_payment;
  return v_payment;
end;
$$;
comment on function private.write_captured_payment is 'Write the payment of a captured intent. It replaces the row that the intent had before.';

create function private.stray_reason(
  p_order public.orders, p_payment_intent_id text, p_amount_cents bigint, p_currency text,
  p_buyer_id text
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_order.state = 'cancelled' then 'order_cancelled'
    when p_order.state <> 'pending_payment' then 'order_is_settled'
    when p_order.stripe_payment_intent_id is distinct from p_payment_intent_id
      then 'intent_is_not_current'
    when p_currency is distinct from p_order.currency then 'currency_differs'
    when p_amount_cents is distinct from p_order.amount_cents then 'amount_differs'
    when p_buyer_id is distinct from p_order.buyer_id::text then 'buyer_differs'
  end;
end;
$$;
comment on function private.stray_reason is 'Return the reason why this money does not settle this order, or null if it does.';

create function private.refund_stray(p_order public.orders, p_payment public.payments)
returns uuid
language plpgsql
set search_path = ''
as $$
begin
  -- Detach the intent whose payment was rejected, so the buyer can create another before the due date.
  update public.orders set stripe_payment_intent_id = null
  where id = p_order.id
    and state = 'pending_payment'
    and stripe_payment_intent_id = p_payment.stripe_payment_intent_id;
  return private.reserve_refund(
    p_order, p_payment, p_payment.amount_cents, 'none', 'stray_payment', null,
    'auto_refund:' || p_payment.stripe_payment_intent_id
  );
end;
$$;
comment on function private.refund_stray is 'Refund a stray in full, detach its intent, and return the outbox row.';

create function private.order_id_in(p_text text)
returns uuid
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_text::uuid
  end;
end;
$$;
comment on function private.order_id_in is 'Return the UUID in a text from outside, or null if the text is no UUID.';

create function private.apply_payment_succeeded(
  p_event_id text, p_order_id text, p_payment_intent_id text, p_charge_id text,
  p_amount_cents bigint, p_currency text, p_buyer_id text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_order public.orders;
  v_capture record;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  select * into v_order from public.orders
  where id = private.order_id_in(p_order_id) for update;
  if v_order.id is null or private.is_intent_of_another_order(v_order.id, p_payment_intent_id) then
    return private.settle_misplaced_event(p_event_id, v_order.id);
  end if;

  v_order := private.attach_lost_intent(
    v_order, p_payment_intent_id, v_event.payload #>> '{metadata,dedupe_key}'
  );
  v_capture := private.record_capture(
    v_order, p_payment_intent_id, p_charge_id, p_amount_cents, p_currency, p_buyer_id, p_event_id
  );
  return private.settle_event(
    p_event_id,
    case when v_capture.is_new then 'processed' else 'order_already_processed' end,
    v_order.id,
    v_capture.outbox_ids,
    v_capture.alerts
  );
end;
$$;
comment on function private.apply_payment_succeeded is 'Apply the event of a succeeded intent; see the public wrapper.';
grant execute on function private.apply_payment_succeeded to service_role;

create function private.settle_misplaced_event(
  p_event_id text, p_order_id uuid, p_order_ref text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if p_order_id is null then
    -- When the order is created, its events are found by the text that names it. An event about a
    -- refund or dispute does not hold it, but the intent's metadata does.
    update public.webhook_events set order_ref = p_order_ref
    where event_id = p_event_id and p_order_ref is distinct from order_ref
      and p_order_ref is not null;
    return private.settle_event(
      p_event_id, 'order_not_found', p_alerts => '{order_not_found}'
    );
  end if;
  return private.settle_event(
    p_event_id, 'ignored', p_order_id, p_alerts => '{intent_of_another_order}',
    p_reason => 'intent_of_another_order'
  );
end;
$$;
comment on function private.settle_misplaced_event is 'Settle an event that names no order of ours, or an order to which its intent does not belong.';

create function private.confirm_payment_transaction(
  p_order_id uuid, p_payment_intent_id text, p_charge_id text, p_amount_cents bigint,
  p_currency text, p_user_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_refusal jsonb;
  v_capture record;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_refusal := private.payer_refusal(v_order, p_user_id);
  if v_refusal is null and private.is_intent_of_another_order(p_order_id, p_payment_intent_id) then
    v_refusal := private.refusal('TRANSACTION_FAILED', 'This payment is for something else');
  elsif v_refusal is null and private.is_intent_lost(v_order, p_payment_intent_id) then
    v_refusal := private.refusal(
      'TRANSACTION_FAILED', 'We are still checking this payment. Please look again in a minute'
    );
  end if;
  if v_refusal is not null then
    return v_refusal;
  end if;

  v_capture := private.record_capture(
    v_order, p_payment_intent_id, p_charge_id, p_amount_cents, p_currency, p_user_id::text, null
  );
  perform private.raise_alerts(p_payment_intent_id, v_capture.alerts);
  return case
    when v_capture.is_settled then jsonb_build_object('success', true)
    else private.refusal(
      'TRANSACTION_FAILED', 'This payment does not fit the order and goes back to you'
    )
  end || (
    select jsonb_build_object(
      'order_id', id,
      'state', state,
      'alerts', to_jsonb(private.unconfirmed_alerts(p_payment_intent_id))
    )
    from public.orders where id = p_order_id
  );
end;
$$;
comment on function private.confirm_payment_transaction is 'Apply a payment that the buyer''s browser reports before Stripe''s event; see the public wrapper.';
grant execute on function private.confirm_payment_transaction to service_role;

create function private.apply_payment_failed(
  p_event_id text, p_order_id text, p_payment_intent_id text, p_charge_id text,
  p_error_message text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_order public.orders;
  v_outcome text := 'order_already_processed';
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  select * into v_order from public.orders
  where id = private.order_id_in(p_order_id) for update;
  if v_order.id is null or private.is_intent_of_another_order(v_order.id, p_payment_intent_id) then
    return private.settle_misplaced_event(p_event_id, v_order.id);
  elsif p_payment_intent_id is null then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;

  if private.record_decline(v_order, p_payment_intent_id, p_charge_id, p_error_message) then
    v_outcome := 'processed';
    perform private.notify_of_decline(v_order, coalesce(p_charge_id, p_event_id));
  end if;
  return private.settle_event(p_event_id, v_outcome, v_order.id);
end;
$$;
comment on function private.apply_payment_failed is 'Record that an attempt to pay was declined; see the public wrapper.';
grant execute on function private.apply_payment_failed to service_role;

create function private.notify_of_decline(p_order public.orders, p_key text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  -- The event may arrive after the order was paid, cancelled or due.
  if private.payment_refusal(p_order, v_now) is not null then
    return;
  end if;
  perform private.notify(
    p_order.buyer_id, 'payment_failed', 'Payment failed',
    'Your payment did not go through. Please try again.',
    jsonb_build_object('order_id', p_order.id),
    'payment_failed:' || p_key
  );
end;
$$;
comment on function private.notify_of_decline is 'Ask the buyer to try again if the order can still be paid.';

create function private.record_decline(
  p_order public.orders, p_payment_intent_id text, p_charge_id text, p_error_message text
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if private.is_charge_of_another_payment(p_order.id, p_payment_intent_id, p_charge_id) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  insert into public.payments as payment (
    order_id, provider_ref, stripe_payment_intent_id, stripe_charge_id, status, amount_cents,
    fee_cents, currency, error_message
  )
  values (
    p_order.id, p_payment_intent_id, p_payment_intent_id, p_charge_id, 'failed',
    p_order.amount_cents, p_order.platform_fee_cents, p_order.currency, p_error_message
  )
  on conflict (order_id, stripe_payment_intent_id) do update
  set
    status = excluded.status,
    stripe_charge_id = coalesce(excluded.stripe_charge_id, payment.stripe_charge_id),
    error_message = excluded.error_message
  -- An authorization, a capture and a cancellation come after all declines, so a late decline never
  -- replaces them. A repeated decline changes nothing.
  where payment.status in ('requires_payment', 'processing')
    or (
      payment.status = 'failed'
      and payment.stripe_charge_id is distinct from excluded.stripe_charge_id
    );
  return found;
end;
$$;
comment on function private.record_decline is 'Record the newest decline of an intent. Return true if it was not known. Another attempt with the same intent may still succeed.';

create function private.apply_payment_canceled(
  p_event_id text, p_order_id text, p_payment_intent_id text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_order public.orders;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  select * into v_order from public.orders
  where id = private.order_id_in(p_order_id) for update;
  if v_order.id is null or private.is_intent_of_another_order(v_order.id, p_payment_intent_id) then
    return private.settle_misplaced_event(p_event_id, v_order.id);
  elsif p_payment_intent_id is null then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  return private.settle_event(
    p_event_id,
    case
      when private.settle_canceled_intent(v_order.id, p_payment_intent_id) then 'processed'
      else 'order_already_processed'
    end,
    v_order.id
  );
end;
$$;
comment on function private.apply_payment_canceled is 'Detach a canceled intent from its order; see the public wrapper.';
grant execute on function private.apply_payment_canceled to service_role;

create function private.settle_canceled_intent(p_order_id uuid, p_payment_intent_id text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  -- Detach the intent only if it is the current one; the order then needs another intent.
  update public.orders
  set stripe_payment_intent_id = null
  where id = p_order_id
    and state = 'pending_payment'
    and stripe_payment_intent_id = p_payment_intent_id;
  insert into public.payments as payment (
    order_id, provider_ref, stripe_payment_intent_id, status, amount_cents, currency
  )
  select
    id, p_payment_intent_id, p_payment_intent_id, 'cancelled', amount_cents, currency
  from public.orders
  where id = p_order_id
  on conflict (order_id, stripe_payment_intent_id) do update
  set status = excluded.status, capturable_amount_cents = 0
  where payment.status <> 'cancelled' and not private.is_captured(payment.status);
  return found;
end;
$$;
comment on function private.settle_canceled_intent is 'Record that Stripe has canceled an intent, by its event or by the answer to our call. Return true if it was not known. The caller holds the lock of the order.';

create function private.begin_payment(p_order_id uuid, p_buyer_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_now timestamptz;
  v_refusal jsonb;
  v_errors private.intent_errors;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_now := private.clock();
  v_refusal := coalesce(
    private.payer_refusal(v_order, p_buyer_id), private.payment_refusal(v_order, v_now)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_errors from private.intent_errors
  where order_id = v_order.id and attempt = private.next_attempt(v_order.id);
  return (
    select jsonb_strip_nulls(
      jsonb_build_object(
        'success', true,
        'attempt', private.next_attempt(v_order.id),
        'amount_cents', v_order.amount_cents,
        'currency', v_order.currency,
        'listing_title', listings.title,
        'receipt_email', case when v_errors.is_email_refused is not true then buyer.email end,
        'answered_errors', nullif(v_errors.answered_errors, 0),
        'first_error', extract(epoch from v_errors.created_at)::bigint,
        'payment_intent_id', v_order.stripe_payment_intent_id
      )
    )
    from public.listings cross join public.users as buyer
    where listings.id = v_order.listing_id and buyer.id = v_order.buyer_id
  );
end;
$$;
comment on function private.begin_payment is 'Return the parameters of the order''s next PaymentIntent; see the public wrapper.';
grant execute on function private.begin_payment to service_role;

create function private.record_intent_error(
  p_order_id uuid, p_attempt integer, p_answered_errors integer, p_error_code text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform private.refuse_unless_valid(num_nulls(p_attempt, p_answered_errors, p_error_code) = 0);
  perform from public.orders where id = p_order_id for update;
  if not found then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  end if;
  insert into private.intent_errors (order_id, attempt)
  values (p_order_id, p_attempt)
  on conflict (order_id, attempt) do nothing;
  -- Concurrent calls get the same error under the same key. Only the first of them raises the
  -- count.
  update private.intent_errors
  set
    answered_errors = answered_errors + (
      answered_errors = p_answered_errors and private.is_answered_error(p_error_code)
    )::integer,
    is_email_refused = is_email_refused or p_error_code = 'STRIPE_EMAIL_REFUSED'
  where order_id = p_order_id and attempt = p_attempt
  returning answered_errors into v_count;
  return jsonb_build_object('success', true, 'answered_errors', v_count);
end;
$$;
comment on function private.record_intent_error is 'Count an error that Stripe answered to a new PaymentIntent; see the public wrapper.';
grant execute on function private.record_intent_error to service_role;

create function private.payer_refusal(p_order public.orders, p_buyer_id uuid)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif p_order.buyer_id is distinct from p_buyer_id then
    return private.refusal('FORBIDDEN', 'Only the buyer can pay for this order');
  end if;
  return null;
end;
$$;
comment on function private.payer_refusal is 'Return the reason why this user cannot pay for this order, or null.';

create function private.payment_refusal(p_order public.orders, p_now timestamptz)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_order.state = 'cancelled' then
    return private.refusal('TRANSACTION_FAILED', 'Order was cancelled');
  elsif p_order.state <> 'pending_payment' then
    return private.refusal('TRANSACTION_FAILED', 'Order is already paid');
  elsif p_order.payment_due_at <= p_now then
    return private.refusal('TRANSACTION_FAILED', 'Order is past due');
  end if;
  return null;
end;
$$;
comment on function private.payment_refusal is 'Return the reason why no new payment of this order may begin, or null.';

create function private.next_attempt(p_order_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select count(*) + 1 from public.payments where order_id = p_order_id
  );
end;
$$;
comment on function private.next_attempt is 'Return the number of the next attempt to pay. It is part of Stripe''s idempotency key.';

create function private.attach_payment_intent(
  p_order_id uuid, p_attempt integer, p_payment_intent_id text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_now timestamptz;
  v_refusal jsonb;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_now := private.clock();
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif private.is_intent_of_another_order(p_order_id, p_payment_intent_id) then
    return private.refusal('TRANSACTION_FAILED', 'This payment is for something else');
  end if;
  v_refusal := private.payment_refusal(v_order, v_now);
  if v_refusal is null and v_order.stripe_payment_intent_id is null then
    v_refusal := private.add_intent(v_order, p_attempt, p_payment_intent_id);
    v_order.stripe_payment_intent_id := p_payment_intent_id;
  end if;

  if v_refusal is not null or v_order.stripe_payment_intent_id <> p_payment_intent_id then
    -- Another call attached its intent first, or the order ended meanwhile. Nobody may pay with
    -- this one.
    perform private.discard_intent(p_order_id, p_payment_intent_id);
  end if;
  return coalesce(
    v_refusal,
    jsonb_build_object('success', true, 'payment_intent_id', v_order.stripe_payment_intent_id)
  );
end;
$$;
comment on function private.attach_payment_intent is 'Make an intent the order''s current one; see the public wrapper.';
grant execute on function private.attach_payment_intent to service_role;

create function private.is_intent_of_another_order(p_order_id uuid, p_payment_intent_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.payments
    where stripe_payment_intent_id = p_payment_intent_id and order_id <> p_order_id
  );
end;
$$;
comment on function private.is_intent_of_another_order is 'Return true if an intent belongs to another order.';

create function private.add_intent(
  p_order public.orders, p_attempt integer, p_payment_intent_id text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  -- Another attempt has begun meanwhile, and this attempt's intent may be canceled. The caller must
  -- begin again.
  if p_attempt is distinct from private.next_attempt(p_order.id) then
    return private.refusal('CONFLICT', 'Please start the payment again');
  end if;
  insert into public.payments (
    order_id, provider_ref, stripe_payment_intent_id, amount_cents, fee_cents, currency
  )
  values (
    p_order.id, p_payment_intent_id, p_payment_intent_id, p_order.amount_cents,
    p_order.platform_fee_cents, p_order.currency
  )
  on conflict (order_id, stripe_payment_intent_id) do nothing;
  if not found then
    return private.refusal('CONFLICT', 'Please start the payment again');
  end if;
  update public.orders set stripe_payment_intent_id = p_payment_intent_id
  where id = p_order.id;
  return null;
end;
$$;
comment on function private.add_intent is 'Make the intent of the next attempt the current one. Return a refusal if the attempt is not the next one.';

create function private.attach_lost_intent(
  p_order public.orders, p_payment_intent_id text, p_dedupe_key text
)
returns public.orders
language plpgsql
set search_path = ''
as $$
begin
  if private.is_intent_lost(p_order, p_payment_intent_id)
    and p_dedupe_key ~ ('^intent:' || p_order.id || ':[1-9][0-9]*$')
  then
    update public.orders set stripe_payment_intent_id = p_payment_intent_id
    where id = p_order.id
    returning * into p_order;
  end if;
  return p_order;
end;
$$;
comment on function private.attach_lost_intent is 'Make a paid intent the current one if we made it for this order and the order has none. Only an attached intent reaches a buyer, so a restore of the database has lost the attachment. Return the order as it is now.';

create function private.is_intent_lost(p_order public.orders, p_payment_intent_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_order.state = 'pending_payment'
    and p_order.stripe_payment_intent_id is null
    and not exists (
      select from public.payments
      where stripe_payment_intent_id = p_payment_intent_id and private.is_captured(status)
    );
end;
$$;
comment on function private.is_intent_lost is 'Return true if a paid intent may be the one that the order had before a restore. The key in its metadata decides, which events and readings contain.';

create function private.discard_intent(p_order_id uuid, p_payment_intent_id text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_payment_intent_id is null or exists (
    select from public.payments
    where stripe_payment_intent_id = p_payment_intent_id
      and (private.is_captured(status) or status = 'cancelled')
  ) then
    return;
  end if;
  perform private.queue_outbox(
    'cancel_intent',
    jsonb_build_object('payment_intent_id', p_payment_intent_id, 'order_id', p_order_id),
    'cancel_intent:' || p_payment_intent_id
  );
end;
$$;
comment on function private.discard_intent is 'Queue the cancellation of an intent that could still be paid.';

create function private.cancel_overdue_intents(p_now timestamptz, p_max_rows integer)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.discard_intent(id, stripe_payment_intent_id)
  from (
    select id, stripe_payment_intent_id from public.orders
    where state = 'pending_payment'
      and payment_due_at <= p_now
      and stripe_payment_intent_id is not null
      and not exists (
        select from public.outbox
        where dedupe_key = 'cancel_intent:' || orders.stripe_payment_intent_id
      )
    order by payment_due_at
    limit p_max_rows
    for update skip locked
  ) as overdue;
  -- Stripe refuses to cancel an intent while the buyer pays. If no payment came for an hour, queue
  -- the cancellation again.
  update public.outbox as job
  set status = 'queued', next_attempt_at = p_now, attempts = 0
  from public.orders
  where orders.state = 'pending_payment'
    and orders.payment_due_at <= p_now
    and job.dedupe_key = 'cancel_intent:' || orders.stripe_payment_intent_id
    and job.status in ('done', 'canceled')
    and job.updated_at <= p_now - interval '1 hour';
end;
$$;
comment on function private.cancel_overdue_intents is 'Queue the cancellation of the current intents of orders past due. The orders can be cancelled after it.';

create function private.claim_open_intents(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids text[];
begin
  v_ids := array(
    select stripe_payment_intent_id from public.payments
    where status in ('requires_payment', 'processing', 'authorized', 'failed')
      and created_at <= v_now - interval '10 minutes'
  );
  return coalesce(
    (
      select jsonb_agg(
        jsonb_build_object('payment_intent_id', claimed, 'order_id', payments.order_id)
      )
      from private.claim_checks(v_ids, p_max_rows, v_now) as claimed
        join public.payments on claimed = payments.stripe_payment_intent_id
    ),
    '[]'
  );
end;
$$;
comment on function private.claim_open_intents is 'Return open intents that reconcile must read again; see the public wrapper.';
grant execute on function private.claim_open_intents to service_role;

create function private.claim_open_refunds(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids text[];
begin
  v_ids := array(
    select stripe_refund_id from public.refunds
    where status = 'pending'
      and stripe_refund_id is not null
      and created_at <= v_now - interval '10 minutes'
  );
  return to_jsonb(array(select private.claim_checks(v_ids, p_max_rows, v_now)));
end;
$$;
comment on function private.claim_open_refunds is 'Return pending refunds that reconcile must read again; see the public wrapper.';
grant execute on function private.claim_open_refunds to service_role;

create function private.claim_differing_intents(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  -- An open intent has a claim of its own, which says nothing about its refunds.
  v_prefix constant text := 'differs:';
  v_intents jsonb;
begin
  select coalesce(jsonb_object_agg(v_prefix || intent.id, intent.order_id), '{}') into v_intents
  from (
    select payments.stripe_payment_intent_id as id, payments.order_id
    from public.payments join private.order_checks using (order_id)
    where order_checks.differs_since is not null
    union
    -- Stripe may name an intent whose events are lost.
    select moved.payment_intent_id, moved.order_id
    from private.balance_transactions as moved join private.order_checks using (order_id)
    where order_checks.differs_since is not null and moved.payment_intent_id is not null
  ) as intent;
  return coalesce(
    (
      select jsonb_agg(
        jsonb_build_object(
          'payment_intent_id', substr(claimed, char_length(v_prefix) + 1),
          'order_id', v_intents ->> claimed
        )
      )
      from private.claim_checks(
        array(select jsonb_object_keys(v_intents)), p_max_rows, v_now
      ) as claimed
    ),
    '[]'
  );
end;
$$;
comment on function private.claim_differing_intents is 'Return the intents of orders that differ from Stripe; see the public wrapper.';
grant execute on function private.claim_differing_intents to service_role;

create function private.record_intent(
  p_order_id uuid, p_payment_intent_id text, p_status text, p_charge_id text,
  p_amount_cents bigint, p_currency text, p_buyer_id text, p_dedupe_key text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_capture record;
  v_outcome text := 'ignored';
  v_outbox_ids uuid[] := '{}';
begin
  select * into v_order from public.orders where id = p_order_id for update;
  if v_order.id is null or private.is_intent_of_another_order(p_order_id, p_payment_intent_id) then
    return private.effect_answer('order_not_found', null);
  elsif p_status = 'succeeded' then
    v_order := private.attach_lost_intent(v_order, p_payment_intent_id, p_dedupe_key);
    v_capture := private.record_capture(
      v_order, p_payment_intent_id, p_charge_id, p_amount_cents, p_currency, p_buyer_id, null
    );
    v_outcome := case when v_capture.is_new then 'processed' else 'order_already_processed' end;
    v_outbox_ids := v_capture.outbox_ids;
    perform private.raise_alerts(p_payment_intent_id, v_capture.alerts);
  elsif p_status = 'canceled' then
    v_outcome := case
      when private.settle_canceled_intent(p_order_id, p_payment_intent_id) then 'processed'
      else 'order_already_processed'
    end;
  end if;
  return private.effect_answer(
    v_outcome, p_order_id, v_outbox_ids, private.unconfirmed_alerts(p_payment_intent_id)
  );
end;
$$;
comment on function private.record_intent is 'Apply the state of an intent that was read from Stripe; see the public wrapper.';
grant execute on function private.record_intent to service_role;

create function private.record_refund(
  p_stripe_refund_id text, p_outbox_id text, p_payment_intent_id text, p_amount_cents bigint,
  p_status text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order_id uuid;
  v_change record;
begin
  select order_id into v_order_id from public.payments
  where stripe_payment_intent_id = p_payment_intent_id;
  perform from public.orders where id = v_order_id for update;
  if p_stripe_refund_id is null
    or coalesce(p_amount_cents, 0) < 1
    or p_status is null
    or not exists (
      select from public.payments
      where stripe_payment_intent_id = p_payment_intent_id and private.is_captured(status)
    )
  then
    return private.effect_answer('ignored', v_order_id);
  end if;

  v_change := private.settle_refund(
    p_payment_intent_id, p_outbox_id, p_stripe_refund_id, p_amount_cents, p_status
  );
  perform private.raise_alerts(p_stripe_refund_id, v_change.alerts);
  return private.effect_answer(
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => private.unconfirmed_alerts(p_stripe_refund_id)
  );
end;
$$;
comment on function private.record_refund is 'Apply the state of a refund that was read from Stripe; see the public wrapper.';
grant execute on function private.record_refund to service_role;

create function private.discard_unattached_intents(
  p_payment_intent_ids text[], p_order_refs text[]
)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_intent record;
  v_count integer := 0;
begin
  for v_intent in
    select given.id, orders.id as order_id
    from unnest(p_payment_intent_ids, p_order_refs) as given (id, order_ref)
      join public.orders on orders.id = private.order_id_in(given.order_ref)
    order by orders.id
    -- A call that attaches the intent holds this lock too.
    for update of orders
  loop
    if not exists (
      select from public.payments where stripe_payment_intent_id = v_intent.id
    ) and not exists (
      select from public.outbox where dedupe_key = 'cancel_intent:' || v_intent.id
    ) then
      perform private.discard_intent(v_intent.order_id, v_intent.id);
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end;
$$;
comment on function private.discard_unattached_intents is 'Queue the cancellation of open intents that no order uses; see the public wrapper.';
grant execute on function private.discard_unattached_intents to service_role;

create function private.process_refund_transaction(
  p_order_id uuid, p_amount_cents bigint, p_reason text, p_user_id uuid,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- Only our own processes call this. They have checked the session of the user.
  return private.request_refund(
    p_order_id, null, p_amount_cents, p_reason, p_user_id,
    private.has_staff_rights(p_user_id, 'aal2'), p_client_request_id
  );
end;
$$;
comment on function private.process_refund_transaction is 'Reserve a refund of an order and queue it for sending; see the public wrapper.';
grant execute on function private.process_refund_transaction to service_role;

create function private.refund_order(
  p_order_id uuid, p_amount_cents bigint, p_user_id uuid, p_aal text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_is_staff constant boolean := private.has_staff_rights(p_user_id, p_aal);
begin
  -- Check the caller before locking, so another user's calls cannot delay the order.
  if p_user_id <> (select seller_id from public.orders where id = p_order_id)
    and not v_is_staff
  then
    return private.refusal('FORBIDDEN', 'Only the seller or staff can refund this order');
  end if;
  return private.request_refund(
    p_order_id, null, p_amount_cents, null, p_user_id, v_is_staff, p_client_request_id
  );
end;
$$;
comment on function private.refund_order is 'Reserve a refund for a signed-in user; see the public wrapper.';
grant execute on function private.refund_order to service_role;

create function private.refund_payment(
  p_payment_intent_id text, p_reason text, p_user_id uuid, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order_id uuid;
begin
  select order_id into v_order_id from public.payments
  where stripe_payment_intent_id = p_payment_intent_id;
  if v_order_id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Payment not found');
  end if;
  -- Only operators and our own processes call this. They have checked the session of the user.
  return private.request_refund(
    v_order_id, p_payment_intent_id, null, p_reason, p_user_id,
    private.has_staff_rights(p_user_id, 'aal2'), p_client_request_id
  );
end;
$$;
comment on function private.refund_payment is 'Reserve a refund of all that is left of one payment; see the public wrapper.';
grant execute on function private.refund_payment to service_role;

create function private.request_refund(
  p_order_id uuid, p_payment_intent_id text, p_amount_cents bigint, p_reason text,
  p_user_id uuid, p_is_staff boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_order public.orders;
  v_payment public.payments;
  v_left_cents bigint;
  v_answer jsonb;
  v_outbox_id uuid;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif p_client_request_id is null then
    raise sqlstate 'PT400' using message = 'CLIENT_REQUEST_ID_MISSING';
  end if;
  v_payment := private.lock_refundable_payment(v_order, p_payment_intent_id);
  v_left_cents := private.unrefunded_cents(v_payment);
  v_answer := coalesce(
    private.repeated_refund(
      p_order_id, p_payment_intent_id, p_amount_cents, p_user_id, p_client_request_id
    ),
    private.refund_refusal(
      v_order, v_payment, p_user_id, p_is_staff, coalesce(p_amount_cents, v_left_cents),
      v_left_cents
    )
  );
  if v_answer is not null then
    return v_answer;
  end if;

  v_outbox_id := private.reserve_refund(
    v_order, v_payment, coalesce(p_amount_cents, v_left_cents),
    case
      when not v_payment.settles_order then 'none'
      when v_order.state = 'cancelled' then 'cancelled'
      else 'refunded'
    end::public.refund_target,
    v_reason, p_user_id, p_client_request_id::text,
    private.refund_request(p_payment_intent_id, p_amount_cents)
  );
  if v_outbox_id is not null
    and p_user_id is not null
    and (p_user_id <> v_order.seller_id or private.is_owed_back(v_order, v_payment))
  then
    perform private.write_audit(
      p_user_id,
      case
        when private.is_owed_back(v_order, v_payment) then 'payment_refunded_again'
        else 'payment_refunded'
      end,
      'payments', v_payment.stripe_payment_intent_id,
      coalesce(v_reason, 'No reason given'),
      jsonb_build_object('order_id', p_order_id, 'request_id', p_client_request_id)
    );
  end if;
  -- Read the refund back, because a concurrent call for another order may have used this request id.
  return private.repeated_refund(
    p_order_id, p_payment_intent_id, p_amount_cents, p_user_id, p_client_request_id
  );
end;
$$;
comment on function private.request_refund is 'Reserve a refund of the payment with this intent, or of the payment that refunds of the order come from. The same request gets the same refund and its present status. p_is_staff is true if the session of the user has the rights of staff.';

create function private.refund_request(p_payment_intent_id text, p_amount_cents bigint)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'payment_intent_id', p_payment_intent_id, 'amount_cents', p_amount_cents
  );
end;
$$;
comment on function private.refund_request is 'Return what a caller asked to refund, as the refund stores it. A null amount asks for all that is left.';

create function private.lock_refundable_payment(p_order public.orders, p_payment_intent_id text)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_payment public.payments;
begin
  select payment.* into v_payment
  from public.payments as payment
  where payment.order_id = p_order.id
    and private.is_captured(payment.status)
    and (p_payment_intent_id is null or payment.stripe_payment_intent_id = p_payment_intent_id)
    and (
      p_payment_intent_id is not null
      or (payment.settles_order and not private.is_ended(p_order.state))
      or private.unrefunded_cents(payment) > 0
    )
  order by payment.settles_order desc, payment.created_at
  limit 1
  for update;
  return v_payment;
end;
$$;
comment on function private.lock_refundable_payment is 'Lock and return the payment that a refund comes from: the named one, else the settling payment, else the oldest stray that is not back. Null if there is none. The caller holds the lock of the order.';

create function private.is_ended(p_state public.order_state)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_state in ('refunded', 'cancelled');
end;
$$;
comment on function private.is_ended is 'Return true if no event moves an order out of this state. An ended order keeps no money.';

create function private.is_owed_back(p_order public.orders, p_payment public.payments)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return not p_payment.settles_order or private.is_ended(p_order.state);
end;
$$;
comment on function private.is_owed_back is 'Return true if all of a captured payment must go back to the buyer: it is a stray, or its order has ended.';

create function private.unrefunded_cents(p_payment public.payments)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refunded_cents constant bigint := coalesce((
    select sum(amount_cents) from public.refunds
    where payment_id = p_payment.id and status in ('pending', 'succeeded')
  ), 0);
begin
  return p_payment.amount_cents - v_refunded_cents - private.borne_cents(
    p_payment.amount_cents, v_refunded_cents, private.lost_cents(p_payment.id)
  );
end;
$$;
comment on function private.unrefunded_cents is 'Return the captured amount less the refunds that are pending or have succeeded and less lost disputes. Null without a payment.';

create function private.repeated_refund(
  p_order_id uuid, p_payment_intent_id text, p_amount_cents bigint, p_user_id uuid,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refund public.refunds;
begin
  select * into v_refund from public.refunds
  where idempotency_key = p_client_request_id::text;
  if v_refund.id is null then
    return null;
  elsif v_refund.order_id <> p_order_id
    or v_refund.initiated_by is distinct from p_user_id
    or v_refund.request is distinct from private.refund_request(
      p_payment_intent_id, p_amount_cents
    )
  then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return jsonb_build_object(
    'success', true, 'refund_id', v_refund.id, 'status', v_refund.status
  );
end;
$$;
comment on function private.repeated_refund is 'Return the answer to a request whose id has a refund already, or null. Another request with this id is refused. Two requests differ if one names an amount and the other asks for all that is left.';

create function private.refund_refusal(
  p_order public.orders, p_payment public.payments, p_user_id uuid, p_is_staff boolean,
  p_amount_cents bigint, p_left_cents bigint
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_owed constant boolean := coalesce(p_left_cents > 0, false)
  and private.is_owed_back(p_order, p_payment);
  -- Staff decide nothing about their own purchases and sales. As a seller they do what sellers may.
  v_is_staff constant boolean := p_is_staff
  and p_user_id not in (p_order.buyer_id, p_order.seller_id);
begin
  if p_user_id is distinct from p_order.seller_id
    and not v_is_staff
    -- Our own jobs call without a user id. They may refund only money that must go back to the
    -- buyer.
    and not (v_is_owed and p_user_id is null)
  then
    return private.refusal('FORBIDDEN', 'Only the seller or staff can refund this order');
  elsif not (
    case
      when v_is_owed then v_is_staff or p_user_id is null
      when p_order.state = 'released' then v_is_staff
      else p_order.state in ('paid', 'ready_for_handover', 'shipped', 'delivered')
    end
  ) then
    return private.refusal('CONFLICT', 'This order cannot be refunded as it stands');
  elsif private.held_cents(p_payment.id) > 0 then
    return private.refusal('CONFLICT', 'Stripe holds this money for a dispute');
  elsif coalesce(p_amount_cents not between 1 and p_left_cents, true) then
    return private.refusal('VALIDATION_ERROR', 'Refund must be within what is left of the payment');
  end if;
  return null;
end;
$$;
comment on function private.refund_refusal is 'Return the reason why this refund may not be reserved, or null if it may.';

create function private.reserve_refund(
  p_order public.orders, p_payment public.payments, p_amount_cents bigint,
  p_target_state public.refund_target, p_reason text, p_initiated_by uuid, p_key text,
  p_request jsonb default null
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_refund public.refunds;
begin
  insert into public.refunds (
    id, order_id, payment_id, idempotency_key, amount_cents, target_state, reason, initiated_by,
    request
  )
  values (
    -- The id is computed from the key, so a restored database makes the same refund again.
    md5('refund:' || p_key)::uuid, p_order.id, p_payment.id, p_key, p_amount_cents,
    p_target_state, p_reason, p_initiated_by, p_request
  )
  -- A concurrent call for another order may have used the same key.
  on conflict do nothing
  returning * into v_refund;
  if v_refund.id is null then
    return null;
  end if;

  perform private.post_refund_requested(p_order, p_payment, v_refund);
  if p_payment.settles_order then
    update public.orders set refund_pending = true where id = p_order.id;
  end if;
  return private.queue_outbox(
    case when p_payment.settles_order then 'refund' else 'auto_refund' end,
    jsonb_build_object(
      'payment_intent_id', p_payment.stripe_payment_intent_id,
      'amount_cents', p_amount_cents,
      'refund_id', v_refund.id,
      'order_id', p_order.id
    ),
    'refund:' || p_key
  );
end;
$$;
comment on function private.reserve_refund is 'Reserve a refund and queue it for sending. Return the outbox row, or null if the key has a refund already. p_request is null for a refund that no request asks for. The caller holds the locks of order and payment, and has checked the amount.';

create function private.unreturned_payments()
returns table (
  order_id uuid, payment_intent_id text, currency text, captured_cents bigint,
  unreturned_cents bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  select
    payment.order_id, payment.stripe_payment_intent_id, payment.currency, payment.amount_cents,
    private.unrefunded_cents(payment)
  from public.payments as payment
    join public.orders on payment.order_id = orders.id
  where private.is_captured(payment.status)
    and private.is_owed_back(orders, payment)
    and private.unrefunded_cents(payment) > 0
    -- Stripe refuses refunds of money that it holds.
    and private.held_cents(payment.id) = 0
  order by payment.created_at, payment.id;
end;
$$;
comment on function private.unreturned_payments is 'Return the payments that must go back and of which a part is neither refunded, pending nor lost; see the public wrapper.';
grant execute on function private.unreturned_payments to service_role;

create function private.apply_refund(
  p_event_id text, p_stripe_refund_id text, p_outbox_id text, p_payment_intent_id text,
  p_amount_cents bigint, p_status text, p_order_ref text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_order_id uuid;
  v_change record;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  v_order_id := private.order_of_intent(p_payment_intent_id, p_order_ref);
  if v_order_id is null then
    return private.settle_misplaced_event(p_event_id, null, p_order_ref);
  elsif p_stripe_refund_id is null or coalesce(p_amount_cents, 0) < 1 or p_status is null then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  perform from public.orders where id = v_order_id for update;
  if not exists (
    select from public.payments
    where stripe_payment_intent_id = p_payment_intent_id and private.is_captured(status)
  ) then
    raise sqlstate 'PT409' using message = 'PREDECESSOR_MISSING';
  end if;

  v_change := private.settle_refund(
    p_payment_intent_id, p_outbox_id, p_stripe_refund_id, p_amount_cents, p_status
  );
  if v_change.is_contradicted then
    raise sqlstate 'PT409' using message = 'REFUND_CONTRADICTED';
  end if;
  return private.settle_event(
    p_event_id,
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => v_change.alerts
  );
end;
$$;
comment on function private.apply_refund is 'Apply the event of a refund; see the public wrapper.';
grant execute on function private.apply_refund to service_role;

create function private.order_of_intent(p_payment_intent_id text, p_order_ref text)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
  v_order_id uuid;
begin
  select order_id into v_order_id from public.payments
  where stripe_payment_intent_id = p_payment_intent_id;
  if v_order_id is null and p_order_ref is null then
    raise sqlstate 'PT409' using message = 'INTENT_UNKNOWN';
  end if;
  return coalesce(
    v_order_id, (select id from public.orders where id = private.order_id_in(p_order_ref))
  );
end;
$$;
comment on function private.order_of_intent is 'Return the order of an intent, by our payments or else by its metadata, or null if we have no such order. Raises INTENT_UNKNOWN if the caller must read the metadata first.';

create function private.settle_refund(
  p_payment_intent_id text, p_outbox_id text, p_stripe_refund_id text, p_amount_cents bigint,
  p_status text, out is_news boolean, out is_contradicted boolean, out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_payment public.payments;
  v_order public.orders;
  v_refund public.refunds;
  v_before public.refund_status;
  v_status public.refund_status := case
    when p_status in ('succeeded', 'failed', 'canceled') then p_status else 'pending'
  end;
  v_now timestamptz;
begin
  alerts := '{}';
  select * into v_payment from public.payments
  where stripe_payment_intent_id = p_payment_intent_id for update;
  select * into v_order from public.orders where id = v_payment.order_id;
  v_refund := private.matching_refund(v_payment, p_outbox_id, p_stripe_refund_id);
  v_before := v_refund.status;
  if v_refund.id is null then
    v_refund := private.add_outside_refund(v_order, v_payment, p_stripe_refund_id, p_amount_cents);
  end if;
  if p_stripe_refund_id is not null then
    perform private.close_refund_row(v_refund, p_stripe_refund_id);
  end if;

  is_contradicted := v_status = 'succeeded'
  and coalesce(v_before, 'pending') = 'pending'
  and private.is_beyond_payment(v_payment, v_refund);
  if is_contradicted then
    v_status := 'pending';
  end if;
  is_news := v_before is null or (
    v_status <> v_before
    and (v_before = 'pending' or (v_before = 'succeeded' and v_status in ('failed', 'canceled')))
  );
  if not is_news then
    return;
  end if;
  update public.refunds
  set status = v_status, stripe_refund_id = coalesce(p_stripe_refund_id, stripe_refund_id)
  where id = v_refund.id
  returning * into v_refund;
  if v_status = 'succeeded' then
    perform private.post_refund_succeeded(v_order, v_payment, v_refund);
  elsif v_status in ('failed', 'canceled') then
    perform private.post_refund_failed(
      v_order, v_payment, v_refund, coalesce(v_before = 'succeeded', false)
    );
    alerts := array['refund_' || v_status];
    -- Events of refunds that exceeded the payment wait for such a failure, so make them due now.
    v_now := private.clock();
    perform private.wake_waiting_events(p_payment_intent_id, v_now);
  end if;
  perform private.apply_refund_effects(v_order, v_payment, v_refund);
  if v_payment.settles_order then
    -- The id at Stripe names the cause, because a restored database gives the row another id.
    perform private.queue_reversal(
      v_order.id, 'refund:' || coalesce(v_refund.stripe_refund_id, v_refund.id::text)
    );
    perform private.queue_transfer(v_order.id);
  end if;
end;
$$;
comment on function private.settle_refund is 'Apply the status that a refund has at Stripe, from its event or from the answer to our call, in either order. Pending may become anything; succeeded may only become failed or canceled. is_contradicted: the success waits, as pending, for the failure of another refund. The caller holds the lock of the order.';

create function private.is_beyond_payment(p_payment public.payments, p_refund public.refunds)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  -- Stripe never refunds more than it captured. So another refund has failed at Stripe and its event
  -- is still to come, or this success is out of date.
  return p_refund.amount_cents + coalesce((
    select sum(amount_cents) from public.refunds
    where payment_id = p_payment.id and status = 'succeeded' and id <> p_refund.id
  ), 0) > p_payment.amount_cents;
end;
$$;
comment on function private.is_beyond_payment is 'Return true if this refund and those that have succeeded are together more than the payment.';

create function private.matching_refund(
  p_payment public.payments, p_outbox_id text, p_stripe_refund_id text
)
returns public.refunds
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select refund
    from public.refunds as refund
    where refund.payment_id = p_payment.id
      and (
        refund.stripe_refund_id = p_stripe_refund_id
        -- A refund that Stripe refused has no id at Stripe, so this event is about another one.
        or (
          refund.stripe_refund_id is null
          and refund.status = 'pending'
          and private.outbox_id('refund:' || refund.idempotency_key)::text = p_outbox_id
        )
      )
    order by refund.stripe_refund_id is null
    limit 1
  );
end;
$$;
comment on function private.matching_refund is 'Return our row for a refund at Stripe: the row with its id, or else the row whose outbox row made it. Null if it was made outside.';

create function private.add_outside_refund(
  p_order public.orders, p_payment public.payments, p_stripe_refund_id text,
  p_amount_cents bigint
)
returns public.refunds
language plpgsql
set search_path = ''
as $$
declare
  v_refund public.refunds;
begin
  insert into public.refunds (
    order_id, payment_id, stripe_refund_id, amount_cents, target_state, reason
  )
  values (
    p_order.id, p_payment.id, p_stripe_refund_id, p_amount_cents,
    case when p_payment.settles_order then 'refunded' else 'none' end::public.refund_target,
    'made_outside'
  )
  returning * into v_refund;
  perform private.post_refund_requested(p_order, p_payment, v_refund);
  return v_refund;
end;
$$;
comment on function private.add_outside_refund is 'Record a refund that was made in Stripe''s dashboard.';

create function private.close_refund_row(p_refund public.refunds, p_stripe_refund_id text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.refunds set stripe_refund_id = p_stripe_refund_id
  where id = p_refund.id and stripe_refund_id is null;
  -- The event may overtake Stripe's answer to our call. Then there is nothing left to send.
  perform private.close_outbox(
    private.outbox_id('refund:' || p_refund.idempotency_key), 'done', p_stripe_refund_id
  );
end;
$$;
comment on function private.close_refund_row is 'Record the id of a refund at Stripe and close its outbox row.';

create function private.apply_refund_effects(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_returned_cents bigint;
  v_pending boolean;
  v_order public.orders;
begin
  select
    coalesce(sum(amount_cents) filter (where status = 'succeeded'), 0),
    coalesce(bool_or(status = 'pending'), false)
  into v_returned_cents, v_pending
  from public.refunds where payment_id = p_payment.id;
  update public.payments
  set status = private.captured_status(amount_cents, v_returned_cents)
  where id = p_payment.id;
  if p_refund.status = 'succeeded' then
    perform private.notify_of_refund(p_order, p_payment, p_refund);
  end if;
  if not p_payment.settles_order then
    return;
  end if;

  update public.orders
  set refunded_cents = v_returned_cents, refund_pending = v_pending
  where id = p_order.id
  returning * into v_order;
  if v_order.refunded_cents = v_order.amount_cents then
    perform private.end_refunded_order(v_order);
  elsif private.is_decision_refund(p_refund) or private.is_money_gone(v_order) then
    perform private.follow_disputes(p_order.id, null, 'stripe', 'refund_' || p_refund.status);
  end if;
end;
$$;
comment on function private.apply_refund_effects is 'Bring payment and order in line with the refunds of the payment, and notify the parties. The refunds of a stray never touch the order.';

create function private.captured_status(p_amount_cents bigint, p_returned_cents bigint)
returns public.payment_status
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_returned_cents = 0 then 'captured'
    when p_returned_cents < p_amount_cents then 'partially_refunded'
    else 'refunded'
  end;
end;
$$;
comment on function private.captured_status is 'Return the status of a captured payment after this amount was refunded.';

create function private.end_refunded_order(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_state constant public.order_state := coalesce(p_order.state_before_dispute, p_order.state);
  v_reason text;
begin
  if private.is_ended(p_order.state) then
    return;
  end if;
  select reason into v_reason from public.refunds
  where order_id = p_order.id and target_state = 'cancelled' and status = 'succeeded'
  limit 1;
  if found and v_state in ('paid', 'ready_for_handover') then
    -- No move leads from disputed to cancelled.
    perform private.transition_order(p_order.id, v_state, null, 'stripe', v_reason);
    perform private.transition_order(p_order.id, 'cancelled', null, 'stripe', v_reason);
  else
    perform private.transition_order(
      p_order.id, 'refunded', null, 'stripe',
      case p_order.refunded_cents
        when p_order.amount_cents then 'refund_succeeded' else 'dispute_lost'
      end
    );
  end if;
end;
$$;
comment on function private.end_refunded_order is 'End an order when all of its money is refunded or lost. It becomes cancelled if a refund had that target and the order was not handed over, otherwise refunded. The sequence of refunds and disputes does not matter.';

create function private.notify_of_refund(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.notify(
    party.id,
    'refund_processed',
    'Refund sent',
    format(
      '%s %s went back to the buyer.',
      upper(p_payment.currency), to_char(p_refund.amount_cents / 100.0, 'FM999999999990.00')
    ),
    jsonb_build_object('order_id', p_order.id, 'refund_id', p_refund.id),
    concat_ws(':', 'refund_processed', p_refund.id, party.id)
  )
  from public.users as party
  where party.id = p_order.buyer_id
    or (p_payment.settles_order and party.id = p_order.seller_id);
end;
$$;
comment on function private.notify_of_refund is 'Notify the buyer of money that went back, and the seller too if the payment had settled the order.';

create function private.refund_refused_strays(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_stray record;
  v_count integer := 0;
begin
  for v_stray in
    select distinct payment.order_id, payment.id as payment_id
    from public.refunds as refused
      join public.payments as payment on refused.payment_id = payment.id
    -- Only a refund that Stripe has refused has no id. One that a bank returned is left to staff.
    where refused.status = 'failed'
      and refused.stripe_refund_id is null
      and private.is_rest_of_stray_due(payment)
    order by payment.order_id, payment.id
    limit p_max_rows
  loop
    v_count := v_count
      + private.try_refund_rest_of_stray(v_stray.order_id, v_stray.payment_id)::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.refund_refused_strays is 'Refund the rest of strays again whose refund Stripe has refused; see the public wrapper.';
grant execute on function private.refund_refused_strays to service_role;

create function private.is_rest_of_stray_due(p_payment public.payments)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return not p_payment.settles_order
    and private.unrefunded_cents(p_payment) > 0
    and private.held_cents(p_payment.id) = 0
    and not exists (
      select from public.refunds where idempotency_key = private.rest_refund_key(p_payment)
    );
end;
$$;
comment on function private.is_rest_of_stray_due is 'Return true if a stray has money that Stripe can refund, and this amount of it was not requested again yet.';

create function private.rest_refund_key(p_payment public.payments)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  -- The amount is part of the key, so each amount is requested again once and no run repeats it.
  return concat_ws(
    ':', 'auto_refund', p_payment.stripe_payment_intent_id, private.unrefunded_cents(p_payment)
  );
end;
$$;
comment on function private.rest_refund_key is 'Return the idempotency key of the refund of all that is left of a stray.';

create function private.try_refund_rest_of_stray(p_order_id uuid, p_payment_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_payment public.payments;
begin
  select * into v_order from public.orders where id = p_order_id for update skip locked;
  if not found then
    return false;
  end if;
  select * into v_payment from public.payments where id = p_payment_id for update;
  if not private.is_rest_of_stray_due(v_payment) then
    return false;
  end if;
  perform private.reserve_refund(
    v_order, v_payment, private.unrefunded_cents(v_payment), 'none', 'stray_payment', null,
    private.rest_refund_key(v_payment)
  );
  set constraints all immediate;
  set constraints all deferred;
  return true;
exception
  when others then
    raise warning 'the rest of stray % could not be refunded: %', p_payment_id, sqlerrm;
    return false;
end;
$$;
comment on function private.try_refund_rest_of_stray is 'Reserve the refund of all that is left of one stray of a batch. Return false and log a warning if it fails, so that one stray stops no other.';

-- Payments: RPCs.

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

-- Payments: grants and row level security.

alter table public.payments enable row level security;
grant select (
  id, order_id, provider, provider_ref, stripe_payment_intent_id, stripe_charge_id, status,
  amount_cents, fee_cents, capturable_amount_cents, currency, payment_method, settles_order,
  error_message, processed_at, created_at, updated_at
) on public.payments to authenticated;

create policy buyers_read_their_payments on public.payments
for select to authenticated
using (
  -- An array comes from one subquery, and the planner searches the index for it. A subquery that
  -- names the payment would run for each payment of all buyers.
  order_id = any(
    array(
      select id from public.orders
      where buyer_id = (select auth.uid())
    )
  )
  -- For staff all ids are in the range, for others none. With a boolean the planner could search no
  -- index for a request without a filter.
  or (
    id between (
      select case when private.is_staff() then '00000000-0000-0000-0000-000000000000'::uuid end
    ) and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    and order_id not in (
      select id from public.orders
      where seller_id = (select auth.uid())
    )
  )
);
comment on policy buyers_read_their_payments on public.payments is 'The buyer and staff read a payment. It says why a card was declined, so the seller, also one on the staff, sees the state of the order instead.';

alter table private.intent_errors enable row level security;

alter table public.refunds enable row level security;
grant select (
  id, order_id, payment_id, stripe_refund_id, idempotency_key, amount_cents, status,
  target_state, reason, initiated_by, created_at, updated_at, request
) on public.refunds to authenticated;

create policy parties_read_their_refunds on public.refunds
for select to authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all orders.
using ((
  select true from public.orders
  where orders.id = refunds.order_id
));
comment on policy parties_read_their_refunds on public.refunds is 'The parties of an order and staff read its refunds.';

-- Payments: triggers.

create trigger payments_stamp_updated_at
before update on public.payments
for each row execute function private.stamp_updated_at();


create trigger refunds_stamp_updated_at
before update on public.refunds
for each row execute function private.stamp_updated_at();
