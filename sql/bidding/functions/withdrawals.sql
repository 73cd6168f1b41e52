create function private.withdraw_bids(
  p_auction_id uuid, p_bidder_ids uuid[], p_actor_id uuid, p_reason text
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_ladder jsonb;
  v_before public.auctions;
  v_after public.auctions;
  v_ranking record;
  v_numbers jsonb;
  v_now timestamptz;
begin
  select * into v_before from public.auctions where id = p_auction_id for no key update;
  v_now := private.clock();
  -- A bidder without a maximum has no bid here, or all of them were withdrawn before.
  if v_before.status is distinct from 'live' or not exists (
    select from private.proxy_bids
    where auction_id = p_auction_id and bidder_id = any(p_bidder_ids)
  ) then
    return false;
  end if;
  -- Continue the log first, so that each bidder has a number.
  perform private.continued_log(p_auction_id, v_now);
  -- Read the increments after the lock. They are then the ones that the log states.
  v_ladder := private.setting('bid_increments');
  with withdrawn as (
    delete from private.proxy_bids
    where auction_id = p_auction_id and bidder_id = any(p_bidder_ids)
    returning bidder_id, bidder_number
  ), barred as (
    insert into private.bid_withdrawals (auction_id, bidder_id, actor_id, reason, withdrawn_at)
    select p_auction_id, bidder_id, p_actor_id, p_reason, v_now from withdrawn
  )
  select jsonb_agg(bidder_number order by bidder_number) into v_numbers from withdrawn;

  select * into v_ranking from private.ranked_maxima(v_before.listing_id, p_auction_id, v_ladder);
  v_after := private.lower_auction(
    v_before, p_bidder_ids, v_ranking.leader_id, v_ranking.price_cents,
    v_ranking.reserve in ('none', 'met', 'lifted'), v_ladder, v_now
  );
  perform private.append_bid_log(
    p_auction_id,
    'withdrawal',
    jsonb_build_object(
      'bidders', v_numbers, 'leader', v_ranking.leader_number,
      'price_cents', v_ranking.price_cents, 'reserve', v_ranking.reserve
    ),
    v_now
  );
  perform private.notify_of_withdrawal(v_before, v_after);
  return true;
end;
$$;
comment on function private.withdraw_bids is 'Withdraw all bids of these bidders from a live auction and bar the bidders from it. Leader and price follow from the maxima that remain. Return false if there was nothing to withdraw. No other function lowers a price.';

create function private.ranked_maxima(
  p_listing_id uuid, p_auction_id uuid, p_ladder jsonb,
  out leader_id uuid, out leader_number integer, out price_cents bigint, out reserve text
)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_start_cents bigint;
  v_reserve_cents bigint;
  v_top record;
begin
  select l.start_cents, secret.reserve_cents into v_start_cents, v_reserve_cents
  from public.listings as l
  left join private.listing_private as secret on secret.listing_id = l.id
  where l.id = p_listing_id;
  -- The highest maximum leads, against the second highest. Of equal maxima the earlier leads. If
  -- both were set in the same microsecond, the bidder with the earlier bid leads.
  select
    p.bidder_id, p.bidder_number, p.max_cents, b.amount_cents as open_cents,
    lead(p.max_cents) over ranking as next_cents
  into v_top
  from private.proxy_bids as p
  cross join lateral (
    select amount_cents, seq from public.bids
    where
      auction_id = p.auction_id and bidder_id = p.bidder_id and accepted and not is_proxy
    order by seq desc limit 1
  ) as b
  where p.auction_id = p_auction_id
  window ranking as (order by p.max_cents desc, p.max_set_at, b.seq)
  order by p.max_cents desc, p.max_set_at, b.seq
  limit 1;
  leader_id := v_top.bidder_id;
  leader_number := v_top.bidder_number;
  price_cents := v_start_cents;
  if leader_id is not null then
    price_cents := private.price_after_bid(
      v_top.next_cents, v_top.open_cents, v_top.max_cents, v_reserve_cents, p_ladder
    );
  end if;
  reserve := private.reserve_state(
    v_reserve_cents,
    price_cents,
    private.price_after_bid(v_top.next_cents, v_top.open_cents, v_top.max_cents, null, p_ladder)
  );
end;
$$;
comment on function private.ranked_maxima is 'Return leader and price as they follow from the maxima of an auction and its reserve.';

create function private.lower_auction(
  p_before public.auctions, p_withdrawn_ids uuid[], p_leader_id uuid, p_price_cents bigint,
  p_reserve_met boolean, p_ladder jsonb, p_now timestamptz
)
returns public.auctions
language plpgsql
set search_path = ''
as $$
declare
  v_high_bid_id uuid;
  v_after public.auctions;
begin
  update public.bids set accepted = false
  where
    auction_id = p_before.id and accepted
    and (bidder_id = any(p_withdrawn_ids) or is_proxy and amount_cents > p_price_cents);
  if p_leader_id is not null then
    insert into public.bids (auction_id, bidder_id, amount_cents, is_proxy, placed_at, seq)
    select p_before.id, p_leader_id, p_price_cents, true, p_now, max(seq) + 1
    from public.bids where auction_id = p_before.id
    on conflict (auction_id, bidder_id, amount_cents) where accepted do nothing;
    select id into v_high_bid_id from public.bids
    where
      auction_id = p_before.id and bidder_id = p_leader_id and amount_cents = p_price_cents
      and accepted;
  end if;
  update public.auctions
  set
    current_price_cents = p_price_cents,
    min_next_bid_cents = case
      when p_leader_id is null then p_price_cents
      else p_price_cents + private.step_cents(p_price_cents, p_ladder)
    end,
    high_bid_id = v_high_bid_id,
    high_bidder_id = p_leader_id,
    bid_count = (
      select count(*) from public.bids as b
      where b.auction_id = p_before.id and b.accepted and not b.is_proxy
    ),
    reserve_met = p_reserve_met,
    version = version + 1,
    updated_at = p_now
  where id = p_before.id
  returning * into v_after;
  update public.listings
  set
    current_bid_cents = case when p_leader_id is not null then p_price_cents end,
    bid_count = v_after.bid_count,
    updated_at = p_now
  where id = p_before.listing_id;
  return v_after;
end;
$$;
comment on function private.lower_auction is 'Mark bids as not accepted and write the lower price with its leader, on the auction and its listing. The leader gets an automatic bid at the price unless one is there. The end stays.';

create function private.notify_of_withdrawal(p_before public.auctions, p_after public.auctions)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_metadata constant jsonb := jsonb_build_object(
    'auction_id', p_after.id,
    'listing_id', p_after.listing_id,
    'current_price_cents', p_after.current_price_cents
  );
  v_price constant text := private.dollars(p_after.current_price_cents);
  v_listing public.listings;
begin
  select * into v_listing from public.listings where id = p_after.listing_id;
  perform private.notify(
    v_listing.seller_id, 'bids_withdrawn', 'Bids were withdrawn',
    format('Bids on %s were withdrawn. It is at %s now.', v_listing.title, v_price), v_metadata
  );
  if p_after.high_bidder_id <> p_before.high_bidder_id then
    perform private.notify(
      p_after.high_bidder_id, 'bids_withdrawn', 'You are the highest bidder',
      format('Bids on %s were withdrawn. You lead at %s now.', v_listing.title, v_price),
      v_metadata
    );
  end if;
end;
$$;
comment on function private.notify_of_withdrawal is 'Notify the seller that bids were withdrawn, and a new leader of the lead.';
