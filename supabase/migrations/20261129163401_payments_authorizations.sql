set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.apply_effect(p_event_id text, p_effect text, p_arguments jsonb)
returns jsonb
language plpgsql
set search_path = ''
-- A longer wait would use up the time that the caller has for storing the event alone.
set lock_timeout = '300ms'
as $$
begin
  case p_effect
    when 'apply_payment_succeeded' then
      return public.apply_payment_succeeded(
        p_event_id,
        p_arguments ->> 'order_id',
        p_arguments ->> 'payment_intent_id',
        p_arguments ->> 'charge_id',
        (p_arguments ->> 'amount_cents')::bigint,
        p_arguments ->> 'currency',
        p_arguments ->> 'buyer_id'
      );
    when 'apply_payment_failed' then
      return public.apply_payment_failed(
        p_event_id,
        p_arguments ->> 'order_id',
        p_arguments ->> 'payment_intent_id',
        p_arguments ->> 'charge_id',
        p_arguments ->> 'error_message'
      );
    when 'apply_payment_authorized' then
      return public.apply_payment_authorized(
        p_event_id,
        p_arguments ->> 'order_id',
        p_arguments ->> 'payment_intent_id',
        (p_arguments ->> 'capturable_cents')::bigint
      );
    when 'apply_payment_canceled' then
      return public.apply_payment_canceled(
        p_event_id, p_arguments ->> 'order_id', p_arguments ->> 'payment_intent_id'
      );
    when 'ignore_webhook_event' then
      return public.ignore_webhook_event(p_event_id, p_arguments ->> 'reason');
    else
      raise sqlstate 'PT400' using message = 'VALIDATION_ERROR';
  end case;
end;
$$;

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

create or replace function private.write_captured_payment(
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

create or replace function private.record_decline(
  p_order public.orders, p_payment_intent_id text, p_charge_id text, p_error_message text
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
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

create or replace function private.settle_canceled_intent(p_order_id uuid, p_payment_intent_id text)
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
