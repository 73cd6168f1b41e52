set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.apply_payment_succeeded(
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

create function private.attach_lost_intent(
  p_order public.orders, p_payment_intent_id text, p_dedupe_key text
)
returns public.orders
language plpgsql
set search_path = ''
as $$
declare
  v_attempt bigint;
begin
  if p_order.state <> 'pending_payment' or p_order.stripe_payment_intent_id is not null then
    return p_order;
  end if;
  v_attempt := private.next_attempt(p_order.id);
  if p_dedupe_key is distinct from concat_ws(':', 'intent', p_order.id, v_attempt) then
    return p_order;
  end if;
  if private.add_intent(p_order, v_attempt::integer, p_payment_intent_id) is null then
    p_order.stripe_payment_intent_id := p_payment_intent_id;
  end if;
  return p_order;
end;
$$;
comment on function private.attach_lost_intent is 'Make an intent the current one that was paid and that we made for the order''s next attempt. The buyer got it from us, so it was attached, and a restore of the database has lost that. Return the order as it is now.';
