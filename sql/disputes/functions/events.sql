create function private.apply_dispute(
  p_event_id text, p_stripe_dispute_id text, p_payment_intent_id text, p_charge_id text,
  p_amount_cents bigint, p_currency text, p_status text, p_reason text, p_withdrawn_cents bigint,
  p_reinstated_cents bigint, p_created bigint, p_order_ref text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_intent_id text;
  v_order_id uuid;
  v_payment public.payments;
  v_change record;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  v_intent_id := private.intent_of_charge(p_payment_intent_id, p_charge_id);
  v_order_id := private.order_of_intent(v_intent_id, p_order_ref);
  if v_order_id is null then
    return private.settle_misplaced_event(p_event_id, null, p_order_ref);
  end if;
  v_payment := private.lock_disputed_payment(v_order_id, v_intent_id);
  if v_payment.id is null then
    raise sqlstate 'PT409' using message = 'PREDECESSOR_MISSING';
  end if;

  v_change := private.settle_dispute(
    v_payment,
    private.dispute_reading(
      p_stripe_dispute_id, p_amount_cents, p_currency, p_status, p_reason, p_withdrawn_cents,
      p_reinstated_cents, p_created
    )
  );
  return private.settle_event(
    p_event_id,
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => v_change.alerts
  );
end;
$$;
comment on function private.apply_dispute is 'Apply the event of a dispute at Stripe; see the public wrapper.';
grant execute on function private.apply_dispute to service_role;

create function private.record_dispute(
  p_stripe_dispute_id text, p_payment_intent_id text, p_charge_id text, p_amount_cents bigint,
  p_currency text, p_status text, p_reason text, p_withdrawn_cents bigint,
  p_reinstated_cents bigint, p_created bigint
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_intent_id constant text := private.intent_of_charge(p_payment_intent_id, p_charge_id);
  v_order_id uuid;
  v_payment public.payments;
  v_change record;
begin
  select order_id into v_order_id from public.payments
  where stripe_payment_intent_id = v_intent_id;
  v_payment := private.lock_disputed_payment(v_order_id, v_intent_id);
  if v_payment.id is null then
    return private.effect_answer('ignored', v_order_id);
  end if;
  v_change := private.settle_dispute(
    v_payment,
    private.dispute_reading(
      p_stripe_dispute_id, p_amount_cents, p_currency, p_status, p_reason, p_withdrawn_cents,
      p_reinstated_cents, p_created
    )
  );
  perform private.raise_alerts(p_stripe_dispute_id, v_change.alerts);
  return private.effect_answer(
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => private.unconfirmed_alerts(p_stripe_dispute_id)
  );
end;
$$;
comment on function private.record_dispute is 'Apply a dispute that was read from Stripe without an event; see the public wrapper.';
grant execute on function private.record_dispute to service_role;

create function private.claim_open_disputes(p_max_rows integer)
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
    select stripe_dispute_id from public.disputes
    where stripe_dispute_id is not null
      and created_at <= v_now - interval '10 minutes'
      and (
        private.is_dispute_open(status)
        -- The money of a dispute that was won comes back with an event of its own.
        or (stripe_status = 'won' and withdrawn_cents > reinstated_cents)
      )
  );
  return to_jsonb(array(select private.claim_checks(v_ids, p_max_rows, v_now)));
end;
$$;
comment on function private.claim_open_disputes is 'Return disputes at Stripe that reconcile must read again; see the public wrapper.';
grant execute on function private.claim_open_disputes to service_role;

create function private.lock_disputed_payment(p_order_id uuid, p_payment_intent_id text)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_payment public.payments;
begin
  perform from public.orders where id = p_order_id for update;
  select * into v_payment from public.payments
  where stripe_payment_intent_id = p_payment_intent_id and private.is_captured(status) for update;
  return v_payment;
end;
$$;
comment on function private.lock_disputed_payment is 'Lock an order and then the captured payment with this intent, and return the payment. Null if no money was captured.';

create function private.dispute_reading(
  p_stripe_dispute_id text, p_amount_cents bigint, p_currency text, p_status text, p_reason text,
  p_withdrawn_cents bigint, p_reinstated_cents bigint, p_created bigint
)
returns public.disputes
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_reading public.disputes;
begin
  v_reading.stripe_dispute_id := p_stripe_dispute_id;
  v_reading.amount_cents := p_amount_cents;
  v_reading.currency := p_currency;
  v_reading.stripe_status := p_status;
  v_reading.reason := coalesce(p_reason, 'general');
  v_reading.withdrawn_cents := p_withdrawn_cents;
  v_reading.reinstated_cents := p_reinstated_cents;
  v_reading.created_at := to_timestamp(p_created);
  return v_reading;
end;
$$;
comment on function private.dispute_reading is 'Return a dispute as Stripe shows it, in the form of our row.';

create function private.intent_of_charge(p_payment_intent_id text, p_charge_id text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    p_payment_intent_id,
    (select stripe_payment_intent_id from public.payments where stripe_charge_id = p_charge_id)
  );
end;
$$;
comment on function private.intent_of_charge is 'Return the given intent, or else the intent of a charge that we have recorded.';
