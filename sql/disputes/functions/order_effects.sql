create function private.held_cents(p_payment_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce((
    select sum(withdrawn_cents - reinstated_cents) from public.disputes
    where payment_id = p_payment_id
      and not private.is_dispute_lost(stripe_status, withdrawn_cents, reinstated_cents)
  ), 0);
end;
$$;
comment on function private.held_cents is 'Return the money of a payment that Stripe holds for disputes that are not lost.';

create function private.is_in_dispute(p_order_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (select from private.disputed_orders(array[p_order_id]));
end;
$$;
comment on function private.is_in_dispute is 'Return true while a dispute keeps an order.';

create function private.disputed_orders(p_order_ids uuid[])
returns table (order_id uuid)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select distinct dispute.order_id
  from public.disputes as dispute
    left join public.payments as payment on dispute.payment_id = payment.id
    left join public.refunds as refund
      on refund.idempotency_key = private.decision_key(dispute.id)
  where (p_order_ids is null or dispute.order_id = any(p_order_ids))
    -- The dispute of a stray never moves the order.
    and payment.settles_order is not false
    and (private.is_dispute_open(dispute.status) or refund.status = 'pending');
end;
$$;
comment on function private.disputed_orders is 'Return the order, or all orders, that a dispute keeps: it is open, or the refund that staff decided on is pending.';

create function private.decision_key(p_dispute_id uuid)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return 'dispute:' || p_dispute_id;
end;
$$;
comment on function private.decision_key is 'Return the idempotency key of the refund by which staff decided a dispute.';

create function private.is_decision_refund(p_refund public.refunds)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return starts_with(coalesce(p_refund.idempotency_key, ''), 'dispute:');
end;
$$;
comment on function private.is_decision_refund is 'Return true if staff decided on this refund to end a dispute.';

create function private.is_money_gone(p_order public.orders)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_order.refunded_cents + coalesce((
    select
      private.borne_cents(
        payment.amount_cents,
        coalesce((
          select sum(amount_cents) from public.refunds
          where payment_id = payment.id and status in ('pending', 'succeeded')
        ), 0)::bigint,
        private.lost_cents(payment.id)
      )
    from public.payments as payment
    where payment.order_id = p_order.id and payment.settles_order
  ), 0) = p_order.amount_cents;
end;
$$;
comment on function private.is_money_gone is 'Return true if all money of an order was refunded or lost in disputes.';

create function private.follow_disputes(
  p_order_id uuid, p_actor_id uuid, p_actor_kind public.actor_kind, p_reason text
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
begin
  select * into v_order from public.orders where id = p_order_id;
  if private.is_ended(v_order.state) or v_order.state = 'pending_payment' then
    return;
  elsif private.is_in_dispute(p_order_id) then
    perform private.transition_order(
      p_order_id, 'disputed', p_actor_id, p_actor_kind, p_reason
    );
  elsif private.is_money_gone(v_order) then
    perform private.end_refunded_order(v_order);
  elsif v_order.state = 'disputed' then
    perform private.transition_order(
      p_order_id, v_order.state_before_dispute, p_actor_id, p_actor_kind, p_reason
    );
  end if;
end;
$$;
comment on function private.follow_disputes is 'Bring the state of an order in line with its disputes: disputed while one keeps it, then refunded if all money is gone, or else the state before. An ended order stays as it is. The caller holds the lock of the order.';

create function private.notify_of_dispute(
  p_order public.orders, p_dispute public.disputes, p_type text, p_title text, p_message text,
  p_user_ids uuid[]
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_listing_title text;
begin
  select title into v_listing_title from public.listings where id = p_order.listing_id;
  perform private.notify(
    user_id, p_type, p_title, format(p_message, v_listing_title),
    jsonb_build_object('order_id', p_order.id, 'dispute_id', p_dispute.id),
    concat_ws(':', p_type, p_dispute.id, user_id)
  )
  from unnest(p_user_ids) as user_id;
end;
$$;
comment on function private.notify_of_dispute is 'Notify users of the beginning or the end of a dispute, once for each dispute.';
