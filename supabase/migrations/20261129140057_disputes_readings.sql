set lock_timeout = '2s';
set statement_timeout = '30s';

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
    return private.settle_misplaced_event(p_event_id, null);
  end if;
  v_payment := private.lock_disputed_payment(v_order_id, v_intent_id);
  if v_payment.id is null then
    raise sqlstate 'PT409' using message = 'PREDECESSOR_MISSING';
  end if;

  v_change := private.settle_dispute(
    v_payment,
    private.told_dispute(
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
    private.told_dispute(
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

create function private.told_dispute(
  p_stripe_dispute_id text, p_amount_cents bigint, p_currency text, p_status text, p_reason text,
  p_withdrawn_cents bigint, p_reinstated_cents bigint, p_created bigint
)
returns public.disputes
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_told public.disputes;
begin
  v_told.stripe_dispute_id := p_stripe_dispute_id;
  v_told.amount_cents := p_amount_cents;
  v_told.currency := p_currency;
  v_told.stripe_status := p_status;
  v_told.reason := coalesce(p_reason, 'general');
  v_told.withdrawn_cents := p_withdrawn_cents;
  v_told.reinstated_cents := p_reinstated_cents;
  v_told.created_at := to_timestamp(p_created);
  return v_told;
end;
$$;

comment on function private.told_dispute is 'Return a dispute as Stripe shows it, in the form of our row.';

create function public.record_dispute(
  stripe_dispute_id text, payment_intent_id text, charge_id text, amount_cents bigint,
  currency text, status text, reason text, withdrawn_cents bigint, reinstated_cents bigint,
  created bigint
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_dispute(
    record_dispute.stripe_dispute_id,
    record_dispute.payment_intent_id,
    record_dispute.charge_id,
    record_dispute.amount_cents,
    record_dispute.currency,
    record_dispute.status,
    record_dispute.reason,
    record_dispute.withdrawn_cents,
    record_dispute.reinstated_cents,
    record_dispute.created
  );
end;
$$;

comment on function public.record_dispute is 'Apply a dispute that the caller has just read from Stripe, as the event about it does: {outcome, order_id, outbox_ids, alerts}. A dispute of an unknown payment is ignored. Raises PAYLOAD_UNREADABLE.';

grant execute on function public.record_dispute to service_role;

create function public.claim_open_disputes(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_open_disputes(claim_open_disputes.max_rows);
end;
$$;

comment on function public.claim_open_disputes is 'Return the ids at Stripe of disputes that may have changed without an event: those that are open, and those that were won and whose money is missing. Each is returned at most every ten minutes, to one caller.';

grant execute on function public.claim_open_disputes to service_role;

comment on function public.claim_differing_intents is 'Return the intents of orders whose ledger differs from Stripe, for reading them, their refunds and disputes again: an array of {payment_intent_id, order_id}. Each is returned at most every ten minutes, to one caller.';
