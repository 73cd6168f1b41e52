-- This migration makes orders work: their states, deadlines, reminders, and the actions of the
-- parties.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Orders: functions.

create function private.act_on_order(p_order_id uuid, p_user_id uuid, p_action text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_kind public.actor_kind;
  v_rule private.order_actions;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_kind := private.party_of(v_order, p_user_id);
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif not exists (
    select from private.order_actions where action = p_action and actor_kind = v_kind
  ) then
    return private.refusal('FORBIDDEN', 'This action is not yours to take on this order');
  end if;

  -- The parties may press a button twice, and the service repeats a call whose answer was lost.
  if private.is_action_done(v_order, p_action, v_kind) then
    return private.action_answer(p_order_id, p_action);
  end if;
  select * into v_rule from private.order_actions
  where action = p_action and actor_kind = v_kind and from_state = v_order.state;
  if v_rule.action is null then
    return private.state_refusal(v_order);
  elsif v_order.refund_pending then
    return private.refusal('CONFLICT', 'A refund of this order is still under way');
  elsif v_rule.needs_refund and exists (
    select from public.payments
    where order_id = p_order_id and settles_order and private.held_cents(id) > 0
  ) then
    return private.refusal('CONFLICT', 'Stripe holds this money for a dispute');
  elsif v_rule.to_state = 'shipped' and not private.is_shipping_offered(v_order) then
    return private.refusal('SHIPPING_NOT_OFFERED', 'This listing offers pickup only');
  end if;
  perform private.take_action(v_order, v_rule, p_user_id);
  return private.action_answer(p_order_id, p_action);
end;
$$;
comment on function private.act_on_order is 'Let a party act on an order; see the public wrapper.';
grant execute on function private.act_on_order to service_role;

create function private.state_refusal(p_order public.orders)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return private.refusal(
    'CONFLICT',
    format('This is not possible while the order is %s', replace(p_order.state::text, '_', ' '))
  );
end;
$$;
comment on function private.state_refusal is 'Return the refusal of an action that the state of the order does not allow.';

create function private.is_party(p_order_id uuid, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.orders where id = p_order_id and p_user_id in (buyer_id, seller_id)
  );
end;
$$;
comment on function private.is_party is 'Return true if a user is the buyer or the seller of an order.';

create function private.is_order_open(p_order public.orders)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_order.state not in ('released', 'refunded', 'cancelled')
    or p_order.refund_pending
    or exists (
      -- Stripe may report a dispute of an order that has ended.
      select from public.disputes
      where order_id = p_order.id and private.is_dispute_open(status)
    );
end;
$$;
comment on function private.is_order_open is 'Return true if an order is unfinished, or has a refund under way or an open dispute.';

create function private.party_of(p_order public.orders, p_user_id uuid)
returns public.actor_kind
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_user_id
    when p_order.buyer_id then 'buyer'
    when p_order.seller_id then 'seller'
  end;
end;
$$;
comment on function private.party_of is 'Return buyer or seller if the user is a party of the order, otherwise null.';

create function private.is_action_done(
  p_order public.orders, p_action text, p_actor_kind public.actor_kind
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.order_actions as rule
    where rule.action = p_action
      and rule.actor_kind = p_actor_kind
      and (
        rule.to_state = p_order.state
        or (
          rule.from_state = p_order.state
          and rule.needs_refund
          and private.seller_base_cents(p_order.id) = 0
          and exists (
            select from public.refunds
            where order_id = p_order.id
              and status = 'pending'
              and target_state::text = rule.to_state::text
          )
        )
      )
  );
end;
$$;
comment on function private.is_action_done is 'Return true if the order is in the state to which this action leads, or if the refund that the action needs is queued already.';

create function private.take_action(
  p_order public.orders, p_rule private.order_actions, p_user_id uuid
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_reason constant text := format('%s_by_%s', p_rule.to_state, p_rule.actor_kind);
  v_payment public.payments;
begin
  if not p_rule.needs_refund then
    perform private.transition_order(
      p_order.id, p_rule.to_state, p_user_id, p_rule.actor_kind, v_reason
    );
    return;
  end if;
  v_payment := private.lock_refundable_payment(p_order, null);
  perform private.reserve_refund(
    p_order, v_payment, private.unrefunded_cents(v_payment),
    p_rule.to_state::text::public.refund_target, v_reason, p_user_id,
    private.action_refund_key(p_order.id, p_rule.action)
  );
end;
$$;
comment on function private.take_action is 'Move the order, or queue the refund that moves it when it has succeeded. The caller holds the lock of the order and has checked the rule.';

create function private.action_refund_key(p_order_id uuid, p_action text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  -- The key follows from the rows, so a restored database makes the same refund again and its sender
  -- finds it at Stripe. The count lets the parties act again after a refund that has failed.
  return concat_ws(':', p_action, p_order_id, (
    select count(*) from public.refunds where order_id = p_order_id
  ));
end;
$$;
comment on function private.action_refund_key is 'Return the idempotency key of the refund that an action queues.';

create function private.action_answer(p_order_id uuid, p_action text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_order public.orders;
  v_base_cents bigint;
  v_refund public.refunds;
begin
  select * into v_order from public.orders where id = p_order_id;
  if p_action = 'release_funds' then
    v_base_cents := private.seller_base_cents(p_order_id);
  elsif p_action in ('cancel', 'refund') then
    select * into v_refund from public.refunds
    where order_id = p_order_id
      and status in ('pending', 'succeeded')
      and target_state = case p_action when 'cancel' then 'cancelled' else 'refunded' end
        ::public.refund_target
    order by status, created_at desc
    limit 1;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'success', true,
    'state', v_order.state,
    'updated_at', v_order.updated_at,
    'seller_amount_cents',
    v_base_cents - private.fee_cents(v_base_cents, v_order.platform_fee_bps),
    'refund_amount_cents', v_refund.amount_cents,
    'refund_status', v_refund.status
  ));
end;
$$;
comment on function private.action_answer is 'Return the answer to an action: the state of the order, the seller''s part after a release, the refund after a cancellation or refund.';

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
          -- such orders would in time fill every batch. These are scalar subqueries, because the
          -- planner may hash an `exists` and then reads all refunds and events.
          and (
            select true from public.refunds as r where r.idempotency_key = private.overdue_key(o.id)
          ) is null
          -- During a dispute the seller could not hand over, so the time begins anew after it.
          and (
            select true from public.order_events as e
            where e.order_id = o.id and e.from_state = 'disputed' and e.created_at > v_paid_by
            limit 1
          ) is null
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
  if private.held_cents(v_payment.id) > 0 then
    return false;
  end if;
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

create function private.get_order(p_order_id uuid, p_user_id uuid, p_aal text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_listing jsonb;
begin
  select * into v_order from public.orders where id = p_order_id;
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif not private.may_view_order(v_order, p_user_id, p_aal) then
    return private.refusal('FORBIDDEN', 'Unauthorized to view this order');
  end if;
  v_listing := private.listing_of_order(v_order.listing_id);
  return jsonb_build_object(
    'success', true,
    'order', to_jsonb(v_order) || jsonb_build_object(
      'listings', v_listing,
      -- The pages of the web app read the listing under either name.
      'listing', v_listing,
      'buyer', private.public_name(v_order.buyer_id),
      'seller', private.public_name(v_order.seller_id)
    ) || private.order_address(v_order, p_user_id)
  );
end;
$$;
comment on function private.get_order is 'Return an order for its page; see the public wrapper.';
grant execute on function private.get_order to service_role;

create function private.may_view_order(p_order public.orders, p_user_id uuid, p_aal text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.has_staff_rights(p_user_id, p_aal) or (
    private.party_of(p_order, p_user_id) is not null
    and not private.is_deleted_account(p_user_id)
  );
end;
$$;
comment on function private.may_view_order is 'Return true if the user is a party of the order or staff. The token of a deleted account stays valid until it expires.';

create function private.listing_of_order(p_listing_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'id', listing.id,
      'title', listing.title,
      'description', listing.description,
      'listing_photos', coalesce((
        select
          jsonb_agg(
            jsonb_build_object('id', photo.id, 'url', photo.url, 'order_idx', photo.order_idx)
            order by photo.order_idx, photo.id
          )
        from public.listing_photos as photo
        where photo.listing_id = listing.id
      ), '[]')
    )
    from public.listings as listing
    where listing.id = p_listing_id
  );
end;
$$;
comment on function private.listing_of_order is 'Return the part of a listing that the page of its order shows.';

create function private.public_name(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('id', id, 'display_name', display_name)
    from public.users where id = p_user_id
  );
end;
$$;
comment on function private.public_name is 'Return id and display name of a user, all that the other party of an order sees.';

create function private.send_order_reminders(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_due_before constant timestamptz := v_now
  + make_interval(hours => private.setting('reminder_before_h')::integer);
  v_paid_by constant timestamptz := v_now - private.setting_days('handover_due_days');
  v_reminder record;
  v_count integer := 0;
begin
  for v_reminder in
    select due.*, listings.title as listing_title
    from (
      select id, listing_id, buyer_id as user_id, 'payment_reminder' as type,
        'Please pay soon' as title,
        'Your order for %s is still unpaid and will be cancelled soon.' as message
      from public.orders
      where state = 'pending_payment' and payment_due_at > v_now and payment_due_at <= v_due_before
      union all
      select id, listing_id, seller_id, 'handover_reminder', 'Please hand over soon',
        'Hand over %s within two days, or the order is cancelled and the buyer gets the money back.'
      from public.orders
      where state in ('paid', 'ready_for_handover')
        and not refund_pending
        and paid_at > v_paid_by
        and paid_at <= v_paid_by + interval '48 hours'
    ) as due
      join public.listings on due.listing_id = listings.id
    where not exists (
      select from public.notifications where dedupe_key = due.type || ':' || due.id
    )
    limit p_max_rows
  loop
    perform private.notify(
      v_reminder.user_id, v_reminder.type, v_reminder.title,
      format(v_reminder.message, v_reminder.listing_title),
      jsonb_build_object('order_id', v_reminder.id),
      v_reminder.type || ':' || v_reminder.id
    );
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.send_order_reminders is 'Remind buyers to pay and sellers to hand over; see the public wrapper.';
grant execute on function private.send_order_reminders to service_role;

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
  insert into private.order_checks (order_id, checked_at) values (v_order.id, p_now);
  -- An order that is created again after a restore may find events about it in the inbox.
  perform private.requeue_events_of_orders(array[v_order.id::text], p_now);
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

-- Orders: RPCs.

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

create function public.send_order_reminders(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.send_order_reminders(send_order_reminders.max_rows);
end;
$$;
comment on function public.send_order_reminders is 'Remind buyers reminder_before_h before their payment is due, and sellers two days before an order that was not handed over is cancelled. Each order gets a reminder once. Return their number.';
grant execute on function public.send_order_reminders to service_role;

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
comment on function public.transition_order is 'Move an order: {success, state, updated_at, version}. A move to the state that the order has already changes nothing. An illegal move raises 23514, Invalid order state transition from X to Y. Refusal: RESOURCE_NOT_FOUND. Raises PROFILE_NOT_FOUND for an unknown actor.';
grant execute on function public.transition_order to service_role;

create function public.act_on_order(order_id uuid, user_id uuid, action text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.act_on_order(act_on_order.order_id, act_on_order.user_id, act_on_order.action);
end;
$$;
comment on function public.act_on_order is 'Let a party act on an order: {success, state, updated_at, seller_amount_cents?, refund_amount_cents?, refund_status?}. action is mark_ready, mark_shipped, confirm_delivery, release_funds, cancel or refund. A cancellation or refund of a paid order queues the refund, and the state changes when it has succeeded. A repeated action changes nothing and gets the same answer. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (not an action of this user), CONFLICT (not in this state, or a refund is under way), SHIPPING_NOT_OFFERED (pickup only).';
grant execute on function public.act_on_order to service_role;

create function public.get_order(order_id uuid, user_id uuid, aal text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_order(get_order.order_id, get_order.user_id, get_order.aal);
end;
$$;
comment on function public.get_order is 'Return an order to a party or to staff: {success, order}. order holds every column, listing and listings (the same object), buyer and seller. From the payment on, the buyer of a listing with pickup gets pickup_address, and the seller of a listing with shipping gets delivery_address. aal is the strength that the user''s token names. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN.';
grant execute on function public.get_order to service_role;

-- Orders: grants and row level security.

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
  -- The planner expects that an equality holds for few rows, and a boolean for half of them. With a
  -- boolean it would read the newest orders of all parties until a page is full.
  or (select private.is_staff()::text) = 'true'
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

alter table private.order_actions enable row level security;

-- Orders: triggers.

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
