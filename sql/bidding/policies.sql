alter table public.bids enable row level security;
-- Realtime sends service_role only the changes of columns that it may select.
grant select (
  id, auction_id, bidder_id, amount_cents, max_proxy_cents, is_proxy, accepted, placed_at, seq,
  created_at
) on public.bids to anon, authenticated, service_role;

create policy everyone_reads_bids_with_their_auction on public.bids
for select to anon, authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all auctions.
using ((
  select true from public.auctions
  where auctions.id = bids.auction_id
));
comment on policy everyone_reads_bids_with_their_auction on public.bids is 'Amounts are public, maxima are not. Writing goes through place_bid.';

alter table private.proxy_bids enable row level security;

alter table private.bid_receipts enable row level security;

alter table private.bid_withdrawals enable row level security;

alter table private.bid_log enable row level security;

alter table private.bidding_rules enable row level security;
