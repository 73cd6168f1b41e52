set lock_timeout = '2s';
set statement_timeout = '30s';

create table private.order_actions (
  action text not null, -- noqa: RF04
  actor_kind public.actor_kind not null,
  from_state public.order_state not null,
  to_state public.order_state not null,
  needs_refund boolean not null,
  constraint order_actions_pkey primary key (action, actor_kind, from_state),
  constraint order_actions_are_of_a_party check (actor_kind in ('buyer', 'seller')),
  constraint order_actions_that_refund_return_the_money check (
    not needs_refund or to_state in ('refunded', 'cancelled')
  )
);
comment on table private.order_actions is 'The actions of the parties, with the states in which each is possible. An action with needs_refund queues a refund of all that is left; the order moves to to_state when Stripe has made it.';

insert into private.order_actions (action, actor_kind, from_state, to_state, needs_refund) values
('mark_ready', 'seller', 'paid', 'ready_for_handover', false),
('mark_shipped', 'seller', 'ready_for_handover', 'shipped', false),
('confirm_delivery', 'buyer', 'shipped', 'delivered', false),
('release_funds', 'buyer', 'delivered', 'released', false),
('cancel', 'buyer', 'pending_payment', 'cancelled', false),
('cancel', 'seller', 'pending_payment', 'cancelled', false),
('cancel', 'buyer', 'paid', 'cancelled', true),
('cancel', 'seller', 'paid', 'cancelled', true),
('cancel', 'seller', 'ready_for_handover', 'cancelled', true),
('refund', 'seller', 'paid', 'refunded', true),
('refund', 'seller', 'ready_for_handover', 'refunded', true),
('refund', 'seller', 'shipped', 'refunded', true),
('refund', 'seller', 'delivered', 'refunded', true);

create or replace function private.has_role(p_roles public.user_role[])
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.holds_role(auth.uid(), auth.jwt() ->> 'aal', p_roles);
end;
$$;
comment on function private.has_role is 'Return true if holds_role is true for the caller.';

create function private.holds_role(p_user_id uuid, p_aal text, p_roles public.user_role[])
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  -- Users can influence a token's metadata and claims. Only the row of our own table counts.
  return exists (
    select from public.users
    where
      id = p_user_id
      and role = any(p_roles)
      and suspended_at is null
      and deleted_at is null
  ) and (
    coalesce(p_aal = 'aal2', false)
    or not private.setting('require_staff_aal2')::boolean
  );
end;
$$;
comment on function private.holds_role is 'Return true if the row of this user has one of these roles, and the session is strong enough for staff. p_aal is the strength that the token of the session names.';

create or replace function private.erase_personal_data(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  v_now := private.clock();
  -- Stripe's ids stay: refunds and payouts that are under way need them.
  update public.users
  set
    email = null,
    display_name = 'deleted-' || substr(md5(gen_random_uuid()::text), 1, 6),
    phone = null,
    legal_name = null,
    dob = null,
    address = null,
    address_normalized = null,
    address_verified = false,
    address_verified_at = null,
    address_verification_method = null,
    kyc_details = null,
    deleted_at = v_now
  where id = p_user_id and deleted_at is null;
  -- Keep the street while an order is unfinished, because its buyer may still need it.
  update private.listing_private as secret
  set street = null, updated_at = v_now
  from public.listings as l
  where
    l.id = secret.listing_id
    and l.seller_id = p_user_id
    and secret.street is not null
    and not exists (
      select from public.orders as o
      where o.listing_id = l.id and o.state not in ('released', 'refunded', 'cancelled')
    );
  delete from private.order_addresses as kept
  using public.orders as o
  where
    o.id = kept.order_id
    and o.buyer_id = p_user_id
    and o.state in ('released', 'refunded', 'cancelled');
  delete from auth.sessions where user_id = p_user_id;
end;
$$;
comment on function private.erase_personal_data is 'Empty the personal columns of a profile, mark it deleted and end its sessions. Bids, orders and ledger stay.';

create function private.keep_delivery_address(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into private.order_addresses (order_id, delivery_address)
  select p_order.id, buyer.address
  from public.users as buyer
  join public.listings as listing on listing.id = p_order.listing_id
  where buyer.id = p_order.buyer_id and buyer.address is not null and listing.shipping
  on conflict (order_id) do nothing;
end;
$$;
comment on function private.keep_delivery_address is 'Keep the buyer''s address as it is at the payment, if the listing offers shipping. A later change of the profile does not redirect a parcel.';

create function private.order_address(p_order public.orders, p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_order.paid_at is null or private.is_ended(p_order.state) then
    return '{}';
  end if;
  return coalesce(case private.party_of(p_order, p_user_id)
    when 'buyer' then (
      select
        jsonb_build_object(
          'pickup_address', listing.location || jsonb_build_object('street', secret.street)
        )
      from public.listings as listing
      left join private.listing_private as secret on listing.id = secret.listing_id
      where listing.id = p_order.listing_id and listing.pickup
    )
    when 'seller' then (
      select jsonb_build_object('delivery_address', delivery_address)
      from private.order_addresses where order_id = p_order.id
    )
  end, '{}');
end;
$$;
comment on function private.order_address is 'Return the address that this party needs for the handover, under its key, or an empty object. The buyer gets the pickup address and the seller the delivery address, from the payment until the order ends with its money returned.';

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
    return private.refusal(
      'CONFLICT', format('This is not possible while the order is %s', replace(v_order.state::text, '_', ' '))
    );
  elsif v_order.refund_pending then
    return private.refusal('CONFLICT', 'A refund of this order is still under way');
  end if;
  perform private.take_action(v_order, v_rule, p_user_id);
  return private.action_answer(p_order_id, p_action);
end;
$$;
comment on function private.act_on_order is 'Let a party act on an order; see the public wrapper.';

grant execute on function private.act_on_order to service_role;

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
    order by created_at desc, id desc
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
  return private.holds_role(p_user_id, p_aal, '{admin,moderator}') or (
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

create or replace function private.apply_transition_effects(
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
  if p_order.state = 'paid' and p_from_state = 'pending_payment' then
    perform private.keep_delivery_address(p_order);
  elsif p_order.state = 'released' then
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
  from private.transition_notices(p_order, v_title) as notice
  -- The buyer needs no notification of a delivery that the buyer has confirmed.
  where p_actor_kind <> 'buyer'
    or notice.type <> 'order_delivered'
    or notice.user_id <> p_order.buyer_id;
end;
$$;
comment on function private.apply_transition_effects is 'Apply the effects of a move: ledger entries, outbox rows, strikes and notifications.';

create or replace function private.transition_notices(p_order public.orders, p_listing_title text)
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

create function private.refund_order(
  p_order_id uuid, p_amount_cents bigint, p_user_id uuid, p_aal text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- request_refund knows the user but not the session, so the second factor of staff is checked here.
  if p_user_id <> (select seller_id from public.orders where id = p_order_id)
    and not private.holds_role(p_user_id, p_aal, '{admin,moderator}')
  then
    return private.refusal('FORBIDDEN', 'Only the seller or staff can refund this order');
  end if;
  return private.request_refund(
    p_order_id, null, p_amount_cents, null, p_user_id, p_client_request_id
  );
end;
$$;
comment on function private.refund_order is 'Reserve a refund for a signed-in user; see the public wrapper.';

grant execute on function private.refund_order to service_role;

create function public.act_on_order(order_id uuid, user_id uuid, action text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.act_on_order(act_on_order.order_id, act_on_order.user_id, act_on_order.action);
end;
$$;
comment on function public.act_on_order is 'Let a party act on an order: {success, state, updated_at, seller_amount_cents?, refund_amount_cents?, refund_status?}. action is mark_ready, mark_shipped, confirm_delivery, release_funds, cancel or refund. A cancellation or refund of a paid order queues the refund, and the state changes when it has succeeded. A repeated action changes nothing and gets the same answer. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (not an action of this user), CONFLICT (not in this state, or a refund is under way).';

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

create function public.refund_order(
  order_id uuid, refund_amount_cents bigint, user_id uuid, aal text, client_request_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.refund_order(
    refund_order.order_id,
    refund_order.refund_amount_cents,
    refund_order.user_id,
    refund_order.aal,
    refund_order.client_request_id
  );
end;
$$;
comment on function public.refund_order is 'Reserve a refund for the seller of an order or for staff: {success, refund_id, status}. aal is the strength that the user''s token names. Staff need a second factor, unless the setting require_staff_aal2 is false. All else is as in process_refund_transaction.';

grant execute on function public.refund_order to service_role;

alter table private.order_actions enable row level security;
