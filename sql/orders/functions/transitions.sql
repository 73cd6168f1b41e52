create function private.transition_order(
  p_order_id uuid, p_to_state public.order_state, p_actor_id uuid,
  p_actor_kind public.actor_kind, p_reason text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_before public.orders;
  v_order public.orders;
  v_now timestamptz;
begin
  select * into v_before from public.orders where id = p_order_id for update;
  if v_before.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif v_before.state = p_to_state then
    return private.transition_answer(v_before);
  elsif not private.is_transition_legal(v_before, p_to_state, p_actor_kind) then
    raise check_violation using message = format(
      'Invalid order state transition from %s to %s', v_before.state, p_to_state
    );
  elsif
    p_actor_id is not null and not exists (select from public.users where id = p_actor_id)
  then
    raise sqlstate 'PT403' using message = 'PROFILE_NOT_FOUND';
  end if;

  v_now := private.clock();
  perform set_config('market.order_in_transition', p_order_id::text, true);
  v_order := private.write_order_state(v_before, p_to_state, v_reason, v_now);
  perform set_config('market.order_in_transition', '', true);
  insert into public.order_events (
    order_id, from_state, to_state, actor_id, actor_kind, reason, created_at
  )
  values (
    p_order_id, v_before.state, p_to_state, p_actor_id, p_actor_kind, v_reason, v_now
  );
  perform private.apply_transition_effects(v_order, v_before.state, p_actor_kind, v_now);
  return private.transition_answer(v_order);
end;
$$;
comment on function private.transition_order is 'Move an order to another state. Nothing else changes a state; see the public wrapper.';
grant execute on function private.transition_order to service_role;

create function private.transition_answer(p_order public.orders)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'success', true,
    'state', p_order.state,
    'updated_at', p_order.updated_at,
    'version', p_order.version
  );
end;
$$;
comment on function private.transition_answer is 'Return the answer of transition_order: the state, time and version that the order has now.';

create function private.is_transition_legal(
  p_order public.orders, p_to_state public.order_state, p_actor_kind public.actor_kind
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.order_transitions as legal
    where legal.from_state = p_order.state
      and legal.to_state = p_to_state
      and p_actor_kind = any(legal.actor_kinds)
      -- While a refund is pending, only Stripe and staff move the order.
      and (not p_order.refund_pending or p_actor_kind in ('stripe', 'admin'))
      -- An order stays disputed until its last dispute ends or all its money is back.
      and (
        p_order.state <> 'disputed'
        or p_order.refunded_cents = p_order.amount_cents
        or not private.is_in_dispute(p_order.id)
      )
      and case legal.needs
        when 'money_back' then private.is_money_gone(p_order)
        when 'state_before_dispute' then p_order.state_before_dispute = p_to_state
        when 'pickup' then exists (
          select from public.listings where id = p_order.listing_id and pickup
        )
        when 'shipping' then private.is_shipping_offered(p_order)
        else true
      end
  );
end;
$$;
comment on function private.is_transition_legal is 'Return true if this kind of actor may move the order to this state now: order_transitions has such a row, and its condition in needs holds.';

create function private.write_order_state(
  p_order public.orders, p_to_state public.order_state, p_reason text, p_now timestamptz
)
returns public.orders
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
begin
  update public.orders
  set
    state = p_to_state,
    version = version + 1,
    -- A second dispute does not move the order, so the state before the first one stays.
    state_before_dispute = case when p_to_state = 'disputed' then state end,
    -- An order that comes back from a dispute keeps the time of its first arrival.
    paid_at = case when p_to_state = 'paid' then coalesce(paid_at, p_now) else paid_at end,
    ready_at = case
      when p_to_state = 'ready_for_handover' then coalesce(ready_at, p_now) else ready_at
    end,
    shipped_at = case
      when p_to_state = 'shipped' then coalesce(shipped_at, p_now) else shipped_at
    end,
    delivered_at = case
      when p_to_state = 'delivered' then coalesce(delivered_at, p_now) else delivered_at
    end,
    released_at = case
      when p_to_state = 'released' then coalesce(released_at, p_now) else released_at
    end,
    refunded_at = case when p_to_state = 'refunded' then p_now else refunded_at end,
    cancelled_at = case when p_to_state = 'cancelled' then p_now else cancelled_at end,
    cancel_reason = case when p_to_state = 'cancelled' then p_reason else cancel_reason end
  where id = p_order.id
  returning * into v_order;
  return v_order;
end;
$$;
comment on function private.write_order_state is 'Write the new state and its timestamp, and return the order. The guard lets only transition_order do so.';

create function private.apply_transition_effects(
  p_order public.orders, p_from_state public.order_state, p_actor_kind public.actor_kind,
  p_now timestamptz
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_order.state = 'paid' and p_from_state = 'pending_payment' then
    perform private.keep_delivery_address(p_order);
  elsif p_order.state = 'released' then
    perform private.post_release(p_order);
    perform private.queue_transfer(p_order.id);
  elsif p_order.state = 'cancelled' and p_from_state = 'pending_payment' then
    perform private.discard_intent(p_order.id, p_order.stripe_payment_intent_id);
    -- A buyer who cancels an unpaid order gets a strike, as does one who does not pay in time.
    if p_actor_kind in ('buyer', 'system') then
      perform private.strike(p_order.buyer_id, p_order.id, 'unpaid', p_now);
    end if;
  end if;

  if p_order.state in ('released', 'refunded', 'cancelled') then
    -- A deleted account keeps its addresses until its orders have ended.
    perform private.erase_addresses(id) from public.users
    where id in (p_order.buyer_id, p_order.seller_id) and deleted_at is not null;
  end if;

  -- The dispute sends its own notification of its end, with the decision.
  if p_from_state <> 'disputed' then
    perform private.notify_of_transition(p_order, p_actor_kind);
  end if;
end;
$$;
comment on function private.apply_transition_effects is 'Apply the effects of a move: ledger entries, outbox rows, strikes, notifications and the end of addresses that nobody needs any more.';

create function private.notify_of_transition(
  p_order public.orders, p_actor_kind public.actor_kind
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_title text;
begin
  select title into v_title from public.listings where id = p_order.listing_id;
  perform private.notify(
    notice.user_id,
    notice.type,
    notice.title,
    notice.message,
    jsonb_build_object('order_id', p_order.id),
    concat_ws(':', notice.type, p_order.id, p_order.version, notice.user_id)
  )
  from private.transition_notices(p_order, v_title) as notice
  -- The buyer needs no notification of a delivery that the buyer has confirmed.
  where p_actor_kind <> 'buyer'
    or notice.type <> 'order_delivered'
    or notice.user_id <> p_order.buyer_id;
end;
$$;
comment on function private.notify_of_transition is 'Notify the parties of the order''s new state.';

create function private.transition_notices(p_order public.orders, p_listing_title text)
returns table (user_id uuid, type text, title text, message text)
language plpgsql
immutable
set search_path = ''
as $$
begin
  return query
  select notice.user_id, notice.type, notice.title, format(notice.message, p_listing_title)
  from (
    values
    ('paid', p_order.seller_id, 'order_paid', 'Order paid',
      'The buyer has paid for %s. Get it ready for handover.'),
    ('paid', p_order.buyer_id, 'payment_received', 'Payment received',
      'Your payment for %s has arrived.'),
    ('ready_for_handover', p_order.buyer_id, 'order_ready', 'Ready for handover',
      '%s is ready for handover.'),
    ('shipped', p_order.buyer_id, 'order_shipped', 'Order shipped', '%s is on its way to you.'),
    ('delivered', p_order.seller_id, 'order_delivered', 'Order delivered',
      '%s has been delivered.'),
    ('delivered', p_order.buyer_id, 'order_delivered', 'Order delivered',
      '%s has been delivered. If something is wrong, tell us before the money is released.'),
    ('released', p_order.seller_id, 'funds_released', 'Funds released',
      'Your money for %s has been released.'),
    ('cancelled', p_order.buyer_id, 'order_cancelled', 'Order cancelled',
      'The order for %s was cancelled.'),
    ('cancelled', p_order.seller_id, 'order_cancelled', 'Order cancelled',
      'The order for %s was cancelled.')
  ) as notice (state, user_id, type, title, message)
  where notice.state::public.order_state = p_order.state;
end;
$$;
comment on function private.transition_notices is 'Return the notifications that an order''s new state requires. Refunds send their own.';
