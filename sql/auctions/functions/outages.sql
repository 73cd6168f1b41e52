create function private.extend_after_outage(
  p_auction public.auctions, p_outages tstzmultirange, p_now timestamptz
)
returns public.auctions
language plpgsql
set search_path = ''
as $$
declare
  v_lost_s numeric;
  v_listing public.listings;
  v_auction public.auctions;
begin
  if isempty(p_outages) or p_auction.outage_extension_s > 0 then
    return p_auction;
  end if;
  v_lost_s := private.lost_bidding_s(p_auction, p_outages);
  if v_lost_s = 0 then
    return p_auction;
  end if;
  select * into v_listing from public.listings where id = p_auction.listing_id;
  -- Nobody can bid on a suspended seller's auction, so more time would help nobody.
  if private.is_suspended(v_listing.seller_id) then
    return p_auction;
  end if;
  v_lost_s := greatest(v_lost_s, private.setting('outage_extension_min_s')::integer);
  update public.auctions
  set
    end_at = p_now + v_lost_s * interval '1 second',
    scheduled_end_at = p_now + v_lost_s * interval '1 second',
    outage_extension_s = ceil(v_lost_s),
    outage_extension_reason = 'Our service was down near the end of the auction',
    version = version + 1,
    updated_at = p_now
  where id = p_auction.id
  returning * into v_auction;
  update public.listings set end_at = v_auction.end_at, updated_at = p_now
  where id = v_listing.id;
  delete from private.finalize_failures where auction_id = p_auction.id;
  perform private.append_bid_log(
    p_auction.id,
    'extension',
    jsonb_build_object('end_at', private.log_time(v_auction.end_at)),
    p_now
  );
  perform private.notify_of_extension(v_auction, v_listing);
  return v_auction;
end;
$$;
comment on function private.extend_after_outage is 'Return bidding time to an auction that is locked and due, if outages took some, and notify the seller and the bidders. The new end counts from now, because bids after the old end were refused. An auction is extended once. Return the auction as it is then.';

create function private.lost_bidding_s(p_auction public.auctions, p_outages tstzmultirange)
returns numeric
language plpgsql
stable
set search_path = ''
as $$
declare
  v_window constant interval := private.setting('outage_window_s')::integer * interval '1 second';
  v_grace constant interval := private.setting('activation_grace_s')::integer
    * interval '1 second';
  -- A start later than the grace has moved the end, so the time before it was not lost.
  v_start_at constant timestamptz := coalesce(
    (
      select created_at from private.bid_log
      where
        auction_id = p_auction.id and seq = 1 and created_at - p_auction.start_at > v_grace
    ),
    p_auction.start_at
  );
  v_last_time constant tstzrange := tstzrange(
    greatest(v_start_at, p_auction.end_at - v_window), p_auction.end_at
  );
begin
  return (
    select coalesce(sum(extract(epoch from upper(lost) - lower(lost))), 0)
    from unnest(p_outages * tstzmultirange(v_last_time)) as lost
  );
end;
$$;
comment on function private.lost_bidding_s is 'Return the seconds of outages within the last outage_window_s seconds before the end of an auction. Time before the start and after the end counts for nothing, because nobody may bid then. Nor does time that a late start has already given back.';

create function private.notify_of_extension(p_auction public.auctions, p_listing public.listings)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.notify(
    person.id,
    'auction_extended',
    'The auction was extended',
    format(
      '%s goes on for %s seconds, because our service was down near its end.',
      p_listing.title, p_auction.outage_extension_s
    ),
    jsonb_build_object(
      'auction_id', p_auction.id, 'listing_id', p_listing.id, 'end_at', p_auction.end_at
    ),
    'auction_extended:' || p_auction.id || ':' || person.id
  )
  from (
    select p_listing.seller_id as id
    union
    select bidder_id from private.proxy_bids where auction_id = p_auction.id
  ) as person;
end;
$$;
comment on function private.notify_of_extension is 'Notify the seller and the bidders that an auction goes on after an outage.';
