-- RPCs of the web app's contract, on the tables of the shared market.
-- Row security hides disputes from an anonymous visitor, who may query them here.
grant select on public.disputes to anon;

create function public.get_time_remaining(auction_id uuid) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'auction_id', a.id, 'status', a.status, 'end_at', a.end_at, 'server_time', now(),
    'version', a.version,
    'time_remaining', greatest(0, extract(epoch from a.end_at - now()))
  )
  from public.auctions as a where a.id = get_time_remaining.auction_id
$$;

create function public.place_bid(
  auction_id uuid, amount_cents bigint, max_proxy_cents bigint = null, client_bid_id uuid = null
) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  v_auction public.auctions;
  v_bid_id bigint;
begin
  select * into v_auction from public.auctions as a where a.id = place_bid.auction_id for update;
  if not found then
    return jsonb_build_object('success', false, 'code', 'AUCTION_NOT_FOUND', 'error', 'Auction not found');
  end if;
  if place_bid.amount_cents < v_auction.min_next_bid_cents then
    return jsonb_build_object(
      'success', false, 'code', 'BID_TOO_LOW', 'minimum_bid_cents', v_auction.min_next_bid_cents,
      'error', format('Minimum bid is $%s', round(v_auction.min_next_bid_cents / 100.0, 2))
    );
  end if;
  insert into public.bids (auction_id, bidder_id, amount_cents)
  values (place_bid.auction_id, auth.uid(), place_bid.amount_cents) returning id into v_bid_id;
  update public.auctions as a
  set
    current_price_cents = place_bid.amount_cents, high_bid_id = v_bid_id,
    high_bidder_id = auth.uid(), min_next_bid_cents = place_bid.amount_cents + 100,
    bid_count = a.bid_count + 1, version = a.version + 1
  where a.id = place_bid.auction_id;
  return jsonb_build_object(
    'success', true, 'bid_id', v_bid_id, 'amount_cents', place_bid.amount_cents, 'is_leading', true
  );
end $$;
revoke execute on function public.place_bid from public, anon;

create function public.broadcast_time_remaining(auction_id uuid) returns void
language sql as $$
  select realtime.send(
    public.get_time_remaining(broadcast_time_remaining.auction_id), 'time_remaining',
    'auction:' || broadcast_time_remaining.auction_id::text
  )
$$;
revoke execute on function public.broadcast_time_remaining from public, anon, authenticated;

create function public.mark_all_notifications_read() returns bigint
language sql set search_path = '' as $$
  with marked as (
    update public.notifications set read = true
    where user_id = auth.uid() and not read
    returning id
  )
  select count(*) from marked
$$;
