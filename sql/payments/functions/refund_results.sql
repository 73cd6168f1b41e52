create function private.apply_refund(
  p_event_id text, p_stripe_refund_id text, p_outbox_id text, p_payment_intent_id text,
  p_amount_cents bigint, p_status text, p_order_ref text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_order_id uuid;
  v_change record;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  v_order_id := private.order_of_intent(p_payment_intent_id, p_order_ref);
  if v_order_id is null then
    return private.settle_misplaced_event(p_event_id, null, p_order_ref);
  elsif p_stripe_refund_id is null or coalesce(p_amount_cents, 0) < 1 or p_status is null then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  perform from public.orders where id = v_order_id for update;
  if not exists (
    select from public.payments
    where stripe_payment_intent_id = p_payment_intent_id and private.is_captured(status)
  ) then
    raise sqlstate 'PT409' using message = 'PREDECESSOR_MISSING';
  end if;

  v_change := private.settle_refund(
    p_payment_intent_id, p_outbox_id, p_stripe_refund_id, p_amount_cents, p_status
  );
  if v_change.is_contradicted then
    raise sqlstate 'PT409' using message = 'REFUND_CONTRADICTED';
  end if;
  return private.settle_event(
    p_event_id,
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => v_change.alerts
  );
end;
$$;
comment on function private.apply_refund is 'Apply the event of a refund; see the public wrapper.';
grant execute on function private.apply_refund to service_role;

create function private.order_of_intent(p_payment_intent_id text, p_order_ref text)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
  v_order_id uuid;
begin
  select order_id into v_order_id from public.payments
  where stripe_payment_intent_id = p_payment_intent_id;
  if v_order_id is null and p_order_ref is null then
    raise sqlstate 'PT409' using message = 'INTENT_UNKNOWN';
  end if;
  return coalesce(
    v_order_id, (select id from public.orders where id = private.order_id_in(p_order_ref))
  );
end;
$$;
comment on function private.order_of_intent is 'Return the order of an intent, by our payments or else by its metadata, or null if we have no such order. Raises INTENT_UNKNOWN if the caller must read the metadata first.';

create function private.settle_refund(
  p_payment_intent_id text, p_outbox_id text, p_stripe_refund_id text, p_amount_cents bigint,
  p_status text, out is_news boolean, out is_contradicted boolean, out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_payment public.payments;
  v_order public.orders;
  v_refund public.refunds;
  v_before public.refund_status;
  v_status public.refund_status := case
    when p_status in ('succeeded', 'failed', 'canceled') then p_status else 'pending'
  end;
  v_now timestamptz;
begin
  alerts := '{}';
  select * into v_payment from public.payments
  where stripe_payment_intent_id = p_payment_intent_id for update;
  select * into v_order from public.orders where id = v_payment.order_id;
  v_refund := private.matching_refund(v_payment, p_outbox_id, p_stripe_refund_id);
  v_before := v_refund.status;
  if v_refund.id is null then
    v_refund := private.add_outside_refund(v_order, v_payment, p_stripe_refund_id, p_amount_cents);
  end if;
  if p_stripe_refund_id is not null then
    perform private.close_refund_row(v_refund, p_stripe_refund_id);
  end if;

  is_contradicted := v_status = 'succeeded'
  and coalesce(v_before, 'pending') = 'pending'
  and private.is_beyond_payment(v_payment, v_refund);
  if is_contradicted then
    v_status := 'pending';
  end if;
  is_news := v_before is null or (
    v_status <> v_before
    and (v_before = 'pending' or (v_before = 'succeeded' and v_status in ('failed', 'canceled')))
  );
  if not is_news then
    return;
  end if;
  update public.refunds
  set status = v_status, stripe_refund_id = coalesce(p_stripe_refund_id, stripe_refund_id)
  where id = v_refund.id
  returning * into v_refund;
  if v_status = 'succeeded' then
    perform private.post_refund_succeeded(v_order, v_payment, v_refund);
  elsif v_status in ('failed', 'canceled') then
    perform private.post_refund_failed(
      v_order, v_payment, v_refund, coalesce(v_before = 'succeeded', false)
    );
    alerts := array['refund_' || v_status];
    -- Events of refunds that exceeded the payment wait for such a failure, so make them due now.
    v_now := private.clock();
    perform private.wake_waiting_events(p_payment_intent_id, v_now);
  end if;
  perform private.apply_refund_effects(v_order, v_payment, v_refund);
  if v_payment.settles_order then
    -- The id at Stripe names the cause, because a restored database gives the row another id.
    perform private.queue_reversal(
      v_order.id, 'refund:' || coalesce(v_refund.stripe_refund_id, v_refund.id::text)
    );
    perform private.queue_transfer(v_order.id);
  end if;
end;
$$;
comment on function private.settle_refund is 'Apply the status that a refund has at Stripe, from its event or from the answer to our call, in either order. Pending may become anything; succeeded may only become failed or canceled. is_contradicted: the success waits, as pending, for the failure of another refund. The caller holds the lock of the order.';

create function private.is_beyond_payment(p_payment public.payments, p_refund public.refunds)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  -- Stripe never refunds more than it captured. So another refund has failed at Stripe and its event
  -- is still to come, or this success is out of date.
  return p_refund.amount_cents + coalesce((
    select sum(amount_cents) from public.refunds
    where payment_id = p_payment.id and status = 'succeeded' and id <> p_refund.id
  ), 0) > p_payment.amount_cents;
end;
$$;
comment on function private.is_beyond_payment is 'Return true if this refund and those that have succeeded are together more than the payment.';

create function private.matching_refund(
  p_payment public.payments, p_outbox_id text, p_stripe_refund_id text
)
returns public.refunds
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select refund
    from public.refunds as refund
    where refund.payment_id = p_payment.id
      and (
        refund.stripe_refund_id = p_stripe_refund_id
        -- A refund that Stripe refused has no id at Stripe, so this event is about another one.
        or (
          refund.stripe_refund_id is null
          and refund.status = 'pending'
          and private.outbox_id('refund:' || refund.idempotency_key)::text = p_outbox_id
        )
      )
    order by refund.stripe_refund_id is null
    limit 1
  );
end;
$$;
comment on function private.matching_refund is 'Return our row for a refund at Stripe: the row with its id, or else the row whose outbox row made it. Null if it was made outside.';

create function private.add_outside_refund(
  p_order public.orders, p_payment public.payments, p_stripe_refund_id text,
  p_amount_cents bigint
)
returns public.refunds
language plpgsql
set search_path = ''
as $$
declare
  v_refund public.refunds;
begin
  insert into public.refunds (
    order_id, payment_id, stripe_refund_id, amount_cents, target_state, reason
  )
  values (
    p_order.id, p_payment.id, p_stripe_refund_id, p_amount_cents,
    case when p_payment.settles_order then 'refunded' else 'none' end::public.refund_target,
    'made_outside'
  )
  returning * into v_refund;
  perform private.post_refund_requested(p_order, p_payment, v_refund);
  return v_refund;
end;
$$;
comment on function private.add_outside_refund is 'Record a refund that was made in Stripe''s dashboard.';

create function private.close_refund_row(p_refund public.refunds, p_stripe_refund_id text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.refunds set stripe_refund_id = p_stripe_refund_id
  where id = p_refund.id and stripe_refund_id is null;
  -- The event may overtake Stripe's answer to our call. Then there is nothing left to send.
  perform private.close_outbox(
    private.outbox_id('refund:' || p_refund.idempotency_key), 'done', p_stripe_refund_id
  );
end;
$$;
comment on function private.close_refund_row is 'Record the id of a refund at Stripe and close its outbox row.';

create function private.apply_refund_effects(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_returned_cents bigint;
  v_pending boolean;
  v_order public.orders;
begin
  select
    coalesce(sum(amount_cents) filter (where status = 'succeeded'), 0),
    coalesce(bool_or(status = 'pending'), false)
  into v_returned_cents, v_pending
  from public.refunds where payment_id = p_payment.id;
  update public.payments
  set status = private.captured_status(amount_cents, v_returned_cents)
  where id = p_payment.id;
  if p_refund.status = 'succeeded' then
    perform private.notify_of_refund(p_order, p_payment, p_refund);
  end if;
  if not p_payment.settles_order then
    return;
  end if;

  update public.orders
  set refunded_cents = v_returned_cents, refund_pending = v_pending
  where id = p_order.id
  returning * into v_order;
  if v_order.refunded_cents = v_order.amount_cents then
    perform private.end_refunded_order(v_order);
  elsif private.is_decision_refund(p_refund) or private.is_money_gone(v_order) then
    perform private.follow_disputes(p_order.id, null, 'stripe', 'refund_' || p_refund.status);
  end if;
end;
$$;
comment on function private.apply_refund_effects is 'Bring payment and order in line with the refunds of the payment, and notify the parties. The refunds of a stray never touch the order.';

create function private.captured_status(p_amount_cents bigint, p_returned_cents bigint)
returns public.payment_status
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_returned_cents = 0 then 'captured'
    when p_returned_cents < p_amount_cents then 'partially_refunded'
    else 'refunded'
  end;
end;
$$;
comment on function private.captured_status is 'Return the status of a captured payment after this amount was refunded.';

create function private.end_refunded_order(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_state constant public.order_state := coalesce(p_order.state_before_dispute, p_order.state);
  v_reason text;
begin
  if private.is_ended(p_order.state) then
    return;
  end if;
  select reason into v_reason from public.refunds
  where order_id = p_order.id and target_state = 'cancelled' and status = 'succeeded'
  limit 1;
  if found and v_state in ('paid', 'ready_for_handover') then
    -- No move leads from disputed to cancelled.
    perform private.transition_order(p_order.id, v_state, null, 'stripe', v_reason);
    perform private.transition_order(p_order.id, 'cancelled', null, 'stripe', v_reason);
  else
    perform private.transition_order(
      p_order.id, 'refunded', null, 'stripe',
      case p_order.refunded_cents
        when p_order.amount_cents then 'refund_succeeded' else 'dispute_lost'
      end
    );
  end if;
end;
$$;
comment on function private.end_refunded_order is 'End an order when all of its money is refunded or lost. It becomes cancelled if a refund had that target and the order was not handed over, otherwise refunded. The sequence of refunds and disputes does not matter.';

create function private.notify_of_refund(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.notify(
    party.id,
    'refund_processed',
    'Refund sent',
    format(
      '%s %s went back to the buyer.',
      upper(p_payment.currency), to_char(p_refund.amount_cents / 100.0, 'FM999999999990.00')
    ),
    jsonb_build_object('order_id', p_order.id, 'refund_id', p_refund.id),
    concat_ws(':', 'refund_processed', p_refund.id, party.id)
  )
  from public.users as party
  where party.id = p_order.buyer_id
    or (p_payment.settles_order and party.id = p_order.seller_id);
end;
$$;
comment on function private.notify_of_refund is 'Notify the buyer of money that went back, and the seller too if the payment had settled the order.';
