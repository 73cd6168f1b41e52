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
