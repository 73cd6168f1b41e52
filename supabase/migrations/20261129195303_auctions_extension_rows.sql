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
  select * into v_listing from public.listings where id = p_auction.listing_id;
  -- Nobody can bid on a suspended seller's auction, so more time would help nobody.
  if v_lost_s = 0 or private.is_suspended(v_listing.seller_id) then
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
