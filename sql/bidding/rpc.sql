create function public.get_my_proxy(auction_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_my_proxy(get_my_proxy.auction_id);
end;
$$;
comment on function public.get_my_proxy is 'Return the caller''s own maximum. Answers auction_id, max_cents, is_leading, updated_at; null without a bid. Refusal: PROFILE_NOT_FOUND.';
grant execute on function public.get_my_proxy to authenticated;

create function public.place_bid(
  auction_id uuid, amount_cents bigint, max_proxy_cents bigint default null,
  client_bid_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.place_bid(
    place_bid.auction_id,
    place_bid.amount_cents,
    coalesce(place_bid.max_proxy_cents, place_bid.amount_cents),
    place_bid.client_bid_id
  );
end;
$$;
comment on function public.place_bid is 'Bid as the signed-in user; the same client_bid_id gets the same receipt, marked idempotent. Refusals: AUCTION_NOT_FOUND, AUCTION_NOT_LIVE, AUCTION_ENDED, OWN_LISTING, PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED, BIDDER_BLOCKED, BAD_AMOUNT, MAX_BELOW_AMOUNT, MAX_NOT_HIGHER, BID_TOO_LOW, REQUEST_ID_REUSED, RATE_LIMITED, AUCTION_BUSY. Raises FILTER_REFUSED.';
grant execute on function public.place_bid to authenticated;

create function public.get_bid_log(auction_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  -- This reads with the caller's rights, so an auction that row security hides becomes null.
  return private.get_bid_log(
    (select a.id from public.auctions as a where a.id = get_bid_log.auction_id)
  );
end;
$$;
comment on function public.get_bid_log is 'The log of a closed auction, for anyone to check; see bid-log.md. Answers success, auction_id, rows (seq, kind, record, commitment, opened, previous_hash, hash). Refusals: AUCTION_NOT_FOUND, also for an auction that the caller may not read; AUCTION_NOT_OVER; AUCTION_CANCELLED.';
grant execute on function public.get_bid_log to anon, authenticated;
