create function public.broadcast_time_remaining(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.broadcast_time_remaining(broadcast_time_remaining.max_rows);
end;
$$;
comment on function public.broadcast_time_remaining is 'Broadcast the time remaining of each auction that changed or passed a mark. Answers the number of broadcasts.';
grant execute on function public.broadcast_time_remaining to service_role;

create function public.end_expired_auctions(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.end_expired_auctions(end_expired_auctions.max_rows);
end;
$$;
comment on function public.end_expired_auctions is 'Close the auctions whose end has come. An auction that lost bidding time to an outage is extended instead, once; its result is AUCTION_NOT_OVER with ends_at. Answers success, auctions_processed, failed, results, lags_s (seconds from each end to the commit). A later call tries the failed ones again.';
grant execute on function public.end_expired_auctions to service_role;

create function public.end_auction(auction_id uuid, force boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.end_auction(end_auction.auction_id, end_auction.force);
end;
$$;
comment on function public.end_auction is 'Close an auction: finalized with an order, or no_sale. A repeat is marked already_processed. An auction that lost bidding time to an outage is extended first, once, unless force is true. Refusals: AUCTION_NOT_FOUND, AUCTION_NOT_LIVE, AUCTION_NOT_OVER (with ends_at).';
grant execute on function public.end_auction to service_role;

create function public.activate_due_auctions(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.activate_due_auctions(activate_due_auctions.max_rows);
end;
$$;
comment on function public.activate_due_auctions is 'Make scheduled auctions live once their start has come. Answers the number of them. A later call tries the failed ones again.';
grant execute on function public.activate_due_auctions to service_role;

create function public.get_time_remaining(auction_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  -- This reads with the caller's rights, so an auction that row security hides becomes null.
  return private.get_time_remaining(
    (select a.id from public.auctions as a where a.id = get_time_remaining.auction_id)
  );
end;
$$;
comment on function public.get_time_remaining is 'Answers auction_id, status, end_at, server_time, time_remaining in seconds, version. Refusal: AUCTION_NOT_FOUND, also for an auction that the caller may not read: only its seller and staff read a cancelled one.';
grant execute on function public.get_time_remaining to anon, authenticated;

create function public.get_auction_state(auction_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  -- This reads with the caller's rights, so an auction that row security hides becomes null.
  return private.get_auction_state(
    (select a.id from public.auctions as a where a.id = get_auction_state.auction_id)
  );
end;
$$;
comment on function public.get_auction_state is 'Answers the values of get_time_remaining, and current_price_cents, bid_count, high_bidder_id, min_next_bid_cents, reserve_met. Refusal: AUCTION_NOT_FOUND, also for an auction that the caller may not read: only its seller and staff read a cancelled one.';
grant execute on function public.get_auction_state to anon, authenticated;

create function public.next_auction_deadline()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.next_auction_deadline();
end;
$$;
comment on function public.next_auction_deadline is 'Answers next_at, the next start or end of an auction; next_mark_at, the next mark before an end; server_time.';
grant execute on function public.next_auction_deadline to service_role;

create function public.find_auction(listing_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.find_auction(find_auction.listing_id);
end;
$$;
comment on function public.find_auction is 'Return the auction of a listing. Answers success, auction_id. Refusal: LISTING_NOT_FOUND, also for a listing that was cancelled.';
grant execute on function public.find_auction to service_role;

create function public.finalize_auctions(
  actor_id uuid, request_id uuid, reason text, auction_id uuid default null,
  force boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.finalize_auctions(
    finalize_auctions.actor_id, finalize_auctions.request_id, finalize_auctions.reason,
    finalize_auctions.auction_id, coalesce(finalize_auctions.force, false)
  );
end;
$$;
comment on function public.finalize_auctions is 'Close one auction, by force even before its end, or up to 100 whose end has come: {success, result, audit_log}. result is the answer of end_auction or end_expired_auctions. Audited with this member of staff, whose rights the caller has checked. The same request_id gets the same answer. Refusals: VALIDATION_ERROR, REQUEST_ID_REUSED (the id of another request), FORBIDDEN (force by a member of staff who sells or bids there), and those of end_auction.';
grant execute on function public.finalize_auctions to service_role;

create function public.closing_status(max_rows integer default 100)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.closing_status(closing_status.max_rows);
end;
$$;
comment on function public.closing_status is 'Answers server_time, expired_count, expired_auctions (live ones whose end has come, the longest overdue first, with the failed tries to close them), recently_closed (the last ten).';
grant execute on function public.closing_status to service_role;
