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
