set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.told_dispute;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.is_dispute_news;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.settle_dispute;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.is_dispute_readable;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.add_stripe_dispute;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.write_stripe_dispute;

create or replace function private.apply_dispute(
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

create or replace function private.record_dispute(
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

create function private.is_dispute_news(p_before public.disputes, p_reading public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_stage_before constant integer := private.stripe_dispute_stage(p_before.stripe_status);
  v_stage constant integer := private.stripe_dispute_stage(p_reading.stripe_status);
begin
  -- Two processes may read the dispute from Stripe and apply it here in another sequence. Stripe only
  -- adds balance transactions, so smaller totals are older.
  if p_reading.withdrawn_cents < p_before.withdrawn_cents
    or p_reading.reinstated_cents < p_before.reinstated_cents
  then
    return false;
  end if;
  return p_reading.withdrawn_cents > p_before.withdrawn_cents
    or p_reading.reinstated_cents > p_before.reinstated_cents
    or v_stage > v_stage_before
    or (v_stage = v_stage_before and p_reading.stripe_status <> p_before.stripe_status);
end;
$$;

comment on function private.is_dispute_news is 'Return true if a dispute as read from Stripe is newer than our row. Equal totals with an earlier stage are old.';

create function private.settle_dispute(
  p_payment public.payments, p_reading public.disputes, out is_news boolean,
  out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_before public.disputes;
  v_dispute public.disputes;
begin
  alerts := '{}';
  if not private.is_dispute_readable(p_payment, p_reading) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  select * into v_order from public.orders where id = p_payment.order_id;
  select * into v_before from public.disputes
  where stripe_dispute_id = p_reading.stripe_dispute_id for update;
  is_news := v_before.id is null or private.is_dispute_news(v_before, p_reading);
  if not is_news then
    return;
  end if;

  if v_before.id is null then
    v_before := private.add_stripe_dispute(v_order, p_payment, p_reading);
  end if;
  v_dispute := private.write_stripe_dispute(v_before, p_payment, p_reading);
  alerts := private.post_dispute_change(v_order, p_payment, v_before, v_dispute);
  if p_payment.settles_order then
    perform private.notify_of_stripe_dispute(v_order, v_dispute);
    perform private.follow_disputes(
      v_order.id, null, 'stripe', 'dispute_' || v_dispute.stripe_status
    );
    if private.lost_amount(v_dispute) > private.lost_amount(v_before) then
      perform private.queue_reversal(v_order.id, 'dispute:' || v_dispute.stripe_dispute_id);
    end if;
    -- Money that Stripe gives back is due to the seller again.
    perform private.queue_transfer(v_order.id);
  end if;
end;
$$;

comment on function private.settle_dispute is 'Apply a dispute as just read from Stripe: row, ledger, notifications, state of the order and reversal of transfers. The result is the same for every sequence of events. The caller holds the locks of order and payment.';

create function private.is_dispute_readable(p_payment public.payments, p_reading public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    p_reading.stripe_dispute_id is not null
    and p_reading.stripe_status is not null
    and p_reading.amount_cents >= 0
    and p_reading.currency = p_payment.currency
    and p_reading.reinstated_cents between 0 and p_reading.withdrawn_cents,
    false
  );
end;
$$;

comment on function private.is_dispute_readable is 'Return true if a dispute as read from Stripe has all values that we need, in the form that we expect.';

create function private.add_stripe_dispute(
  p_order public.orders, p_payment public.payments, p_reading public.disputes
)
returns public.disputes
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_dispute public.disputes;
begin
  insert into public.disputes (
    order_id, payment_id, initiator_id, respondent_id, dispute_type, reason, amount_cents,
    currency, status, stripe_dispute_id, stripe_status, created_at
  )
  values (
    p_order.id, p_payment.id, p_order.buyer_id, p_order.seller_id,
    private.dispute_type_of(p_reading.reason), p_reading.reason, p_reading.amount_cents,
    p_reading.currency, private.dispute_status(p_reading.stripe_status),
    p_reading.stripe_dispute_id, p_reading.stripe_status,
    coalesce(p_reading.created_at, v_now)
  )
  returning * into v_dispute;
  return v_dispute;
end;
$$;

comment on function private.add_stripe_dispute is 'Record a dispute at Stripe before any of its money has moved.';

create function private.write_stripe_dispute(
  p_before public.disputes, p_payment public.payments, p_reading public.disputes
)
returns public.disputes
language plpgsql
set search_path = ''
as $$
declare
  v_is_closed constant boolean := not private.is_stripe_dispute_open(p_reading.stripe_status);
  v_is_lost constant boolean := private.is_dispute_lost(
    p_reading.stripe_status, p_reading.withdrawn_cents, p_reading.reinstated_cents
  );
  v_lost_cents constant bigint := p_reading.withdrawn_cents - p_reading.reinstated_cents;
  v_now constant timestamptz := private.clock();
  v_dispute public.disputes;
begin
  update public.disputes
  set
    amount_cents = p_reading.amount_cents,
    reason = p_reading.reason,
    withdrawn_cents = p_reading.withdrawn_cents,
    reinstated_cents = p_reading.reinstated_cents,
    stripe_status = p_reading.stripe_status,
    status = private.dispute_status(p_reading.stripe_status),
    resolution = case when v_is_closed then p_reading.stripe_status end,
    resolution_type = case
      when not v_is_closed then null
      when not v_is_lost or v_lost_cents = 0 then 'no_action'
      when v_lost_cents < p_payment.amount_cents then 'partial_refund'
      else 'full_refund'
    end::public.dispute_resolution_type,
    resolved_at = case when v_is_closed then coalesce(resolved_at, v_now) end
  where id = p_before.id
  returning * into v_dispute;
  return v_dispute;
end;
$$;

comment on function private.write_stripe_dispute is 'Write the current status and totals of a dispute at Stripe.';
