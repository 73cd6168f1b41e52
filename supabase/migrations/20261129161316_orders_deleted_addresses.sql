set lock_timeout = '2s';
set statement_timeout = '30s';

comment on column private.pickups.location is 'A place that the parties agree on. No request of the web app names one, so it is null, and the listing has the pickup address.';

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
  perform private.erase_addresses(p_user_id);
  delete from auth.sessions where user_id = p_user_id;
end;
$$;

create function private.erase_addresses(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
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
end;
$$;

comment on function private.erase_addresses is 'Delete the addresses of a user that no unfinished order needs: the streets of the user''s listings, and the copies of the profile''s address.';

create or replace function private.apply_transition_effects(
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
