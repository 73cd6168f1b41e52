set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.expire_unpaid_orders(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_order_id uuid;
  v_count integer := 0;
begin
  perform private.cancel_overdue_intents(v_now, p_max_rows);
  for v_order_id in
    select id from public.orders
    where state = 'pending_payment'
      and payment_due_at <= v_now
      -- An order with an open intent could still be paid, so the intent is canceled first.
      and stripe_payment_intent_id is null
    order by payment_due_at
    limit p_max_rows
    for update skip locked
  loop
    v_count := v_count + private.try_transition_order(v_order_id, 'cancelled', 'unpaid')::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.expire_unpaid_orders is 'Cancel orders that were not paid in time; see the public wrapper.';
grant execute on function private.expire_unpaid_orders to service_role;

create function private.try_transition_order(
  p_order_id uuid, p_to_state public.order_state, p_reason text
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  perform private.transition_order(p_order_id, p_to_state, null, 'system', p_reason);
  -- Deferred constraints fail here, in this order's block, and not at the commit of the batch.
  set constraints all immediate;
  set constraints all deferred;
  return true;
exception
  when others then
    raise warning 'order % could not become %: %', p_order_id, p_to_state, sqlerrm;
    return false;
end;
$$;
comment on function private.try_transition_order is 'Move one order of a batch, as the system. Return false and log a warning if it fails, so that one order stops no other.';

create function private.settle_due_orders(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_shipped_by constant timestamptz := v_now - private.setting_days('auto_deliver_days');
  v_delivered_by constant timestamptz := v_now - private.setting_days('auto_release_days');
  v_paid_by constant timestamptz := v_now - private.setting_days('handover_due_days');
  v_order record;
  v_count integer := 0;
begin
  for v_order in
    select o.id, o.state from public.orders as o
    where not o.refund_pending
      and (
        (o.state = 'shipped' and o.shipped_at <= v_shipped_by)
        or (o.state = 'delivered' and o.delivered_at <= v_delivered_by)
        or (
          o.state in ('paid', 'ready_for_handover') and o.paid_at <= v_paid_by
          -- Skip an order whose refund Stripe has refused once; staff decide about it. Otherwise
          -- such orders would in time fill every batch.
          and not exists (
            select from public.refunds as r where r.idempotency_key = private.overdue_key(o.id)
          )
        )
      )
    order by o.id
    limit p_max_rows
    for update of o skip locked
  loop
    v_count := v_count + case v_order.state
      when 'shipped' then private.try_transition_order(v_order.id, 'delivered', 'buyer_silent')
      when 'delivered' then private.try_transition_order(v_order.id, 'released', 'buyer_silent')
      else private.refund_overdue_order(v_order.id, v_now)
    end::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.settle_due_orders is 'Advance orders whose next step is overdue; see the public wrapper.';
grant execute on function private.settle_due_orders to service_role;

create function private.setting_days(p_key text)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.setting(p_key)::integer * interval '24 hours';
end;
$$;
comment on function private.setting_days is 'Return a setting in days as an interval.';

create function private.overdue_key(p_order_id uuid)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return 'not_handed_over:' || p_order_id;
end;
$$;
comment on function private.overdue_key is 'Return the idempotency key of the refund of an order that was not handed over. The key allows one such refund.';

create function private.refund_overdue_order(p_order_id uuid, p_now timestamptz)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_payment public.payments;
begin
  select * into v_order from public.orders where id = p_order_id;
  select * into v_payment from public.payments
  where order_id = p_order_id and settles_order for update;
  perform private.reserve_refund(
    v_order, v_payment, private.seller_base_cents(p_order_id), 'cancelled', 'not_handed_over',
    null, private.overdue_key(p_order_id)
  );
  perform private.strike(v_order.seller_id, p_order_id, 'not_handed_over', p_now);
  set constraints all immediate;
  set constraints all deferred;
  return true;
exception
  when others then
    raise warning 'the refund of order % could not be queued: %', p_order_id, sqlerrm;
    return false;
end;
$$;
comment on function private.refund_overdue_order is 'Refund the buyer of an order that was not handed over in time, with a strike for the seller. The order is cancelled when the refund has succeeded. Return false and log a warning if this fails.';

create function private.open_order(p_auction public.auctions, p_now timestamptz)
returns public.orders
language plpgsql
set search_path = ''
as $$
declare
  v_fee_bps constant integer := private.setting('platform_fee_bps');
  v_fee_cents constant bigint := private.fee_cents(p_auction.current_price_cents, v_fee_bps);
  v_order public.orders;
begin
  insert into public.orders (
    id, listing_id, auction_id, winning_bid_id, buyer_id, seller_id, amount_cents,
    platform_fee_cents, seller_amount_cents, platform_fee_bps, payment_due_at
  )
  select
    md5('order:' || p_auction.id::text)::uuid, listings.id, p_auction.id, p_auction.high_bid_id,
    p_auction.high_bidder_id, listings.seller_id, p_auction.current_price_cents, v_fee_cents,
    p_auction.current_price_cents - v_fee_cents, v_fee_bps,
    p_now + make_interval(hours => private.setting('payment_due_hours')::integer)
  from public.listings
  where listings.id = p_auction.listing_id
  on conflict (auction_id) do nothing
  returning * into v_order;
  if v_order.id is null then
    select * into v_order from public.orders where auction_id = p_auction.id;
    return v_order;
  end if;

  insert into public.order_events (order_id, to_state, actor_kind, reason, created_at)
  values (v_order.id, 'pending_payment', 'system', 'auction_won', p_now);
  perform private.open_order_thread(v_order, p_now);
  perform private.notify_of_sale(v_order);
  return v_order;
end;
$$;
comment on function private.open_order is 'Create the order of a won auction with its fee split, thread and notifications. Return an order that exists already unchanged. The caller holds the lock of the auction.';

create function private.notify_of_sale(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_metadata constant jsonb := jsonb_build_object(
    'order_id', p_order.id, 'auction_id', p_order.auction_id, 'listing_id', p_order.listing_id
  );
  v_price constant text := private.dollars(p_order.amount_cents);
  v_title text;
begin
  select title into v_title from public.listings where id = p_order.listing_id;
  perform private.notify(
    p_order.buyer_id, 'auction_won', 'You won',
    format('You won %s for %s. Please pay in time.', v_title, v_price),
    v_metadata || jsonb_build_object('payment_due_at', p_order.payment_due_at),
    'auction_won:' || p_order.auction_id
  );
  perform private.notify(
    p_order.seller_id, 'auction_ended', 'Your auction has ended',
    format('%s was sold for %s.', v_title, v_price),
    v_metadata, 'auction_ended:' || p_order.auction_id
  );
end;
$$;
comment on function private.notify_of_sale is 'Notify buyer and seller of a new order.';

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
      and case legal.needs
        when 'money_back' then p_order.refunded_cents = p_order.amount_cents
        when 'state_before_dispute' then p_order.state_before_dispute = p_to_state
        when 'pickup' then exists (
          select from public.listings where id = p_order.listing_id and pickup
        )
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
declare
  v_title text;
begin
  if p_order.state = 'released' then
    perform private.post_release(p_order);
  elsif p_order.state = 'cancelled' and p_from_state = 'pending_payment' then
    perform private.discard_intent(p_order.id, p_order.stripe_payment_intent_id);
    -- A buyer who cancels an unpaid order gets a strike, as does one who does not pay in time.
    if p_actor_kind in ('buyer', 'system') then
      perform private.strike(p_order.buyer_id, p_order.id, 'unpaid', p_now);
    end if;
  end if;

  -- The dispute sends its own notification of its end, with the decision.
  if p_from_state = 'disputed' then
    return;
  end if;
  select title into v_title from public.listings where id = p_order.listing_id;
  perform private.notify(
    notice.user_id,
    notice.type,
    notice.title,
    notice.message,
    jsonb_build_object('order_id', p_order.id),
    concat_ws(':', notice.type, p_order.id, p_order.version, notice.user_id)
  )
  from private.transition_notices(p_order, v_title) as notice;
end;
$$;
comment on function private.apply_transition_effects is 'Apply the effects of a move: ledger entries, outbox rows, strikes and notifications.';

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

create function public.expire_unpaid_orders(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.expire_unpaid_orders(expire_unpaid_orders.max_rows);
end;
$$;
comment on function public.expire_unpaid_orders is 'Cancel unpaid orders that are past due, each with a strike for the buyer, and return their count. An intent that could still be paid is canceled first, and a later call cancels its order.';
grant execute on function public.expire_unpaid_orders to service_role;

create function public.settle_due_orders(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.settle_due_orders(settle_due_orders.max_rows);
end;
$$;
comment on function public.settle_due_orders is 'Advance orders that wait longer than the settings allow, and return their count: a shipped order is delivered, a delivered one released, one that was not handed over refunded. Orders that are disputed or refund_pending stay.';
grant execute on function public.settle_due_orders to service_role;

create function public.transition_order(
  order_id uuid, to_state public.order_state, actor_id uuid, actor_kind public.actor_kind,
  reason text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.transition_order(
    transition_order.order_id,
    transition_order.to_state,
    transition_order.actor_id,
    transition_order.actor_kind,
    transition_order.reason
  );
end;
$$;
comment on function public.transition_order is 'Move an order: {success, state, updated_at, version}. A move to the state that the order has already changes nothing. An illegal move raises 23514, Invalid order state transition from X to Y. Refusal: RESOURCE_NOT_FOUND.';
grant execute on function public.transition_order to service_role;

alter table public.orders enable row level security;
grant select (
  id, listing_id, auction_id, winning_bid_id, buyer_id, seller_id, amount_cents,
  platform_fee_cents, seller_amount_cents, currency, state, state_before_dispute,
  stripe_payment_intent_id, payment_due_at, paid_at, ready_at, shipped_at, delivered_at,
  released_at, refunded_at, cancelled_at, cancel_reason, refunded_cents, refund_pending,
  protection_eligible, version, platform_fee_bps, created_at, updated_at
) on public.orders to authenticated;
-- Realtime sends changes of this table only to roles that can select its key.
grant select (id) on public.orders to service_role;

create policy parties_read_their_orders on public.orders
for select to authenticated
using (
  buyer_id = (select auth.uid())
  or seller_id = (select auth.uid())
  or (select private.is_staff())
);
comment on policy parties_read_their_orders on public.orders is 'The parties and staff read an order. Only functions write it.';

alter table public.order_events enable row level security;
grant select (
  id, order_id, from_state, to_state, actor_id, actor_kind, reason, created_at
) on public.order_events to authenticated;

create policy parties_read_the_history on public.order_events
for select to authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all orders.
using ((
  select true from public.orders
  where orders.id = order_events.order_id
));
comment on policy parties_read_the_history on public.order_events is 'Everyone who may read the order reads its history.';

alter table private.order_transitions enable row level security;

create function private.guard_order_state()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    if new.state <> 'pending_payment' then
      raise check_violation using message = 'An order starts as pending_payment';
    end if;
  elsif
    new.state is distinct from old.state
    -- Only transition_order sets this setting, around its own update.
    and current_setting('market.order_in_transition', true) is distinct from new.id::text
  then
    raise check_violation using message = format(
      'Only transition_order moves an order (from %s to %s)', old.state, new.state
    );
  end if;
  return new;
end;
$$;
comment on function private.guard_order_state is 'Trigger: refuse a change of state by any statement but the update of transition_order.';

create trigger orders_guard_state
before insert or update of state on public.orders
for each row execute function private.guard_order_state();

create trigger orders_stamp_updated_at
before update on public.orders
for each row execute function private.stamp_updated_at();

create trigger order_events_are_never_changed
before update or delete on public.order_events
for each row execute function private.refuse_rewrite();

create trigger order_events_are_never_emptied
before truncate on public.order_events
for each statement execute function private.refuse_rewrite();
