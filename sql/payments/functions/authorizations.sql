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
