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
