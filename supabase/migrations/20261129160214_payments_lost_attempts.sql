set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.record_intent;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function public.record_intent;

create or replace function private.confirm_payment_transaction(
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

create or replace function private.attach_lost_intent(
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

comment on function public.confirm_payment_transaction is 'Apply a succeeded intent that the caller has just read from Stripe: {success, order_id, state, alerts}. It does the same as apply_payment_succeeded, and the later of the two calls changes nothing. A stray is recorded, refunded and answered TRANSACTION_FAILED. So is a payment of an order without a current intent, but its event decides about it. Other refusals: RESOURCE_NOT_FOUND, FORBIDDEN.';

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
