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
      -- While an intent could still be paid the order waits for what becomes of it.
      and stripe_payment_intent_id is null
    order by payment_due_at
    limit p_max_rows
    for update skip locked
  loop
    v_count := v_count + private.step_order(v_order_id, 'cancelled', 'unpaid')::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.expire_unpaid_orders is 'Cancel what was not paid in time; see the public wrapper.';
grant execute on function private.expire_unpaid_orders to service_role;

create function private.step_order(
  p_order_id uuid, p_to_state public.order_state, p_reason text
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  perform private.transition_order(p_order_id, p_to_state, null, 'system', p_reason);
  -- What is deferred fails here, in the block of this order, and not at the commit of all.
  set constraints all immediate;
  set constraints all deferred;
  return true;
exception
  when others then
    raise warning 'order % does not become %: %', p_order_id, p_to_state, sqlerrm;
    return false;
end;
$$;
comment on function private.step_order is 'Move one order of a batch by the clock; whether it went. One that cannot holds up no other.';

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
          -- What Stripe has refused to give back is left to staff, who were told of it. Not only
          -- passed over below: one day it would fill the batch.
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
      when 'shipped' then private.step_order(v_order.id, 'delivered', 'buyer_silent')
      when 'delivered' then private.step_order(v_order.id, 'released', 'buyer_silent')
      else private.return_overdue_money(v_order.id, v_now)
    end::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.settle_due_orders is 'Move on what waits for somebody who stays silent; see the public wrapper.';
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
comment on function private.setting_days is 'A setting that counts days, as a span of time.';

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
comment on function private.overdue_key is 'Under which key the money of an order that was not handed over goes back, once.';

create function private.return_overdue_money(p_order_id uuid, p_now timestamptz)
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
    raise warning 'order % is not given back: %', p_order_id, sqlerrm;
    return false;
end;
$$;
comment on function private.return_overdue_money is 'Have the buyer''s money sent back, as the seller did not hand over; the order is cancelled when it has arrived.';

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
comment on function private.open_order is 'Make the order of an auction that was won, with its fee split, thread and notifications; one that is there is returned as it is. The caller holds the auction.';

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
comment on function private.notify_of_sale is 'Tell both parties of a new order what it is about.';

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
  v_order := private.moved_order(v_before, p_to_state, v_reason, v_now);
  perform set_config('market.order_in_transition', '', true);
  insert into public.order_events (
    order_id, from_state, to_state, actor_id, actor_kind, reason, created_at
  )
  values (
    p_order_id, v_before.state, p_to_state, p_actor_id, p_actor_kind, v_reason, v_now
  );
  perform private.follow_transition(v_order, v_before.state, p_actor_kind, v_now);
  return private.transition_answer(v_order);
end;
$$;
comment on function private.transition_order is 'Move an order, the only way there is; see the public wrapper.';
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
comment on function private.transition_answer is 'How an order stands after a move, or without one.';

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
      -- While money is on its way back only what Stripe or staff says moves the order.
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
comment on function private.is_transition_legal is 'Whether somebody in this part may move this order there now: a row of order_transitions says so, and what it needs holds.';

create function private.moved_order(
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
    -- A second dispute finds the order disputed, which is no move: the first one's note stays.
    state_before_dispute = case when p_to_state = 'disputed' then state end,
    -- An order that comes back from a dispute keeps the hour of its first arrival.
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
comment on function private.moved_order is 'Write the new state with its stamps. Only transition_order gets past the guard with it.';

create function private.follow_transition(
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
    -- Who lets a purchase lapse and who calls it off have both not kept their word.
    if p_actor_kind in ('buyer', 'system') then
      perform private.strike(p_order.buyer_id, p_order.id, 'unpaid', p_now);
    end if;
  end if;

  -- What follows a dispute is told by the dispute, which knows what it was about.
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
comment on function private.follow_transition is 'What a move brings with it: books, outbox, strikes and notifications.';

create function private.transition_notices(p_order public.orders, p_listing_title text)
returns table (user_id uuid, type text, title text, message text)
language sql
immutable
set search_path = ''
as $$
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
  where notice.state::public.order_state = p_order.state
$$;
comment on function private.transition_notices is 'Who is told what when an order has arrived in its state. Refunds tell of themselves.';

create function public.expire_unpaid_orders(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.expire_unpaid_orders(expire_unpaid_orders.max_rows);
end;
$$;
comment on function public.expire_unpaid_orders is 'Cancel orders that are past due, each with a strike; returns how many. One with an intent that could still be paid has that canceled first, and goes when Stripe has confirmed it.';
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
comment on function public.settle_due_orders is 'Deliver what was shipped, release what was delivered, and give back what was not handed over, when its days are over; returns how many. Never while disputed or refund_pending.';
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
comment on function public.transition_order is 'Move an order: {success, state, updated_at, version}. The state that it has already is no move. An illegal move raises 23514, Invalid order state transition from X to Y. Refusal: RESOURCE_NOT_FOUND.';
grant execute on function public.transition_order to service_role;

alter table public.orders enable row level security;
grant select (
  id, listing_id, auction_id, winning_bid_id, buyer_id, seller_id, amount_cents,
  platform_fee_cents, seller_amount_cents, currency, state, state_before_dispute,
  stripe_payment_intent_id, payment_due_at, paid_at, ready_at, shipped_at, delivered_at,
  released_at, refunded_at, cancelled_at, cancel_reason, refunded_cents, refund_pending,
  protection_eligible, version, platform_fee_bps, created_at, updated_at
) on public.orders to authenticated;
-- Published, so that each ring needs the key to be selectable.
grant select (id) on public.orders to service_role;

create policy parties_read_their_orders on public.orders
for select to authenticated
using (
  buyer_id = (select auth.uid())
  or seller_id = (select auth.uid())
  or (select private.is_staff())
);
comment on policy parties_read_their_orders on public.orders is 'Buyer, seller and staff. All writing goes through functions, and the state through one.';

alter table public.order_events enable row level security;
grant select (
  id, order_id, from_state, to_state, actor_id, actor_kind, reason, created_at
) on public.order_events to authenticated;

create policy parties_read_what_happened on public.order_events
for select to authenticated
using (exists (
  select from public.orders
  where orders.id = order_events.order_id
));
comment on policy parties_read_what_happened on public.order_events is 'Whoever may read the order.';

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
    -- Set for the one update of transition_order, and for nothing else.
    and current_setting('market.order_in_transition', true) is distinct from new.id::text
  then
    raise check_violation using message = format(
      'Only transition_order moves an order (from %s to %s)', old.state, new.state
    );
  end if;
  return new;
end;
$$;
comment on function private.guard_order_state is 'Trigger: no statement but that of transition_order changes a state. An update that keeps it is free.';

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
