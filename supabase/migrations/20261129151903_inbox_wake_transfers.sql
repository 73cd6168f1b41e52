set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.wake_waiting_events;

-- squawk-ignore require-concurrent-index-creation
create index webhook_events_waiting_order_ref_idx on public.webhook_events (order_ref)
where status = 'failed';

create function private.wake_waiting_events(
  p_payment_intent_id text, p_now timestamptz, p_order_id uuid default null
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.webhook_events
  set next_attempt_at = p_now
  where event_id in (
    select event_id from public.webhook_events
    where (payment_intent_id = p_payment_intent_id or order_ref = p_order_id::text)
      and status = 'failed'
      and private.is_wait(error_code)
    -- Events are locked before orders. The caller holds an order, so it must not wait here.
    for update skip locked
  );
end;
$$;

comment on function private.wake_waiting_events is 'Make events due at once if they wait for another event about this PaymentIntent, or about this order. A transfer names its order but no PaymentIntent.';

create or replace function private.record_capture(
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
