set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.extend_after_outage(
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

comment on function public.end_expired_auctions is 'Close the auctions whose end has come. An auction that lost bidding time to an outage is extended instead, once; its result is AUCTION_NOT_OVER with ends_at. Answers success, auctions_processed, failed, results, lags_s (seconds from each end to the commit). A later call tries the failed ones again.';

comment on function public.end_auction is 'Close an auction: finalized with an order, or no_sale. A repeat is marked already_processed. An auction that lost bidding time to an outage is extended first, once, unless force is true. Refusals: AUCTION_NOT_FOUND, AUCTION_NOT_LIVE, AUCTION_NOT_OVER (with ends_at).';
