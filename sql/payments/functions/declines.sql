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
