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

create function private.settle_dispute(
  p_payment public.payments, p_told public.disputes, out is_news boolean,
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
  if not private.is_dispute_readable(p_payment, p_told) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  select * into v_order from public.orders where id = p_payment.order_id;
  select * into v_before from public.disputes
  where stripe_dispute_id = p_told.stripe_dispute_id for update;
  is_news := v_before.id is null or private.is_dispute_news(v_before, p_told);
  if not is_news then
    return;
  end if;

  if v_before.id is null then
    v_before := private.add_stripe_dispute(v_order, p_payment, p_told);
  end if;
  v_dispute := private.write_stripe_dispute(v_before, p_payment, p_told);
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

create function private.is_dispute_readable(p_payment public.payments, p_told public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    p_told.stripe_dispute_id is not null
    and p_told.stripe_status is not null
    and p_told.amount_cents >= 0
    and p_told.currency = p_payment.currency
    and p_told.reinstated_cents between 0 and p_told.withdrawn_cents,
    false
  );
end;
$$;
comment on function private.is_dispute_readable is 'Return true if a dispute as read from Stripe has all values that we need, in the form that we expect.';

create function private.add_stripe_dispute(
  p_order public.orders, p_payment public.payments, p_told public.disputes
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
    private.dispute_type_of(p_told.reason), p_told.reason, p_told.amount_cents, p_told.currency,
    private.dispute_status(p_told.stripe_status), p_told.stripe_dispute_id, p_told.stripe_status,
    coalesce(p_told.created_at, v_now)
  )
  returning * into v_dispute;
  return v_dispute;
end;
$$;
comment on function private.add_stripe_dispute is 'Record a dispute at Stripe before any of its money has moved.';

create function private.write_stripe_dispute(
  p_before public.disputes, p_payment public.payments, p_told public.disputes
)
returns public.disputes
language plpgsql
set search_path = ''
as $$
declare
  v_is_closed constant boolean := not private.is_stripe_dispute_open(p_told.stripe_status);
  v_is_lost constant boolean := private.is_dispute_lost(
    p_told.stripe_status, p_told.withdrawn_cents, p_told.reinstated_cents
  );
  v_lost_cents constant bigint := p_told.withdrawn_cents - p_told.reinstated_cents;
  v_now constant timestamptz := private.clock();
  v_dispute public.disputes;
begin
  update public.disputes
  set
    amount_cents = p_told.amount_cents,
    reason = p_told.reason,
    withdrawn_cents = p_told.withdrawn_cents,
    reinstated_cents = p_told.reinstated_cents,
    stripe_status = p_told.stripe_status,
    status = private.dispute_status(p_told.stripe_status),
    resolution = case when v_is_closed then p_told.stripe_status end,
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

create function private.post_dispute_change(
  p_order public.orders, p_payment public.payments, p_before public.disputes,
  p_dispute public.disputes
)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_change_cents constant bigint := private.lost_amount(p_dispute)
    - private.lost_amount(p_before);
begin
  perform private.post_hold(
    p_order, p_dispute, p_dispute.withdrawn_cents - p_before.withdrawn_cents,
    p_dispute.reinstated_cents - p_before.reinstated_cents
  );
  if v_change_cents <> 0 then
    perform private.post_loss(p_order, p_payment, p_dispute, v_change_cents);
  end if;
  return case
    when v_change_cents < 0 then array['dispute_loss_reversed'] else '{}'
  end || case
    when p_dispute.status = 'closed'
      and p_dispute.stripe_status not in ('won', 'lost', 'warning_closed')
      then array['dispute_ended_otherwise']
    else '{}'
  end;
end;
$$;
comment on function private.post_dispute_change is 'Post the difference between two states of a dispute, and return the alerts for a person.';

create function private.lost_amount(p_dispute public.disputes)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when private.is_dispute_lost(
      p_dispute.stripe_status, p_dispute.withdrawn_cents, p_dispute.reinstated_cents
    ) then p_dispute.withdrawn_cents - p_dispute.reinstated_cents
    else 0
  end;
end;
$$;
comment on function private.lost_amount is 'Return the amount that one dispute has cost.';

create function private.notify_of_stripe_dispute(
  p_order public.orders, p_dispute public.disputes
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.notify_of_dispute(
    p_order, p_dispute, 'dispute_created', 'Payment disputed',
    'The bank of the buyer disputes the payment for %s. The order waits for its decision.',
    array[p_order.seller_id]
  );
  if p_dispute.status = 'closed' then
    perform private.notify_of_dispute(
      p_order, p_dispute, 'dispute_resolved', 'Dispute closed',
      case
        when private.lost_amount(p_dispute) > 0
          then 'The bank has decided the dispute about %s for the buyer.'
        else 'The dispute about %s is closed. The order goes on.'
      end,
      array[p_order.buyer_id, p_order.seller_id]
    );
  end if;
end;
$$;
comment on function private.notify_of_stripe_dispute is 'Notify the seller that a bank disputes the payment, and both parties of the end.';
