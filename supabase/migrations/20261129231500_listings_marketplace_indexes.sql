set lock_timeout = '2s';
set statement_timeout = '30s';

-- A migration runs in a transaction, where no index is built concurrently. The tables are small.
-- squawk-ignore require-concurrent-index-deletion
drop index public.listings_seller_id_idx;
-- squawk-ignore require-concurrent-index-deletion
drop index public.listings_status_end_at_idx;
-- squawk-ignore require-concurrent-index-deletion
drop index public.listings_status_created_at_idx;
-- squawk-ignore require-concurrent-index-creation
create index listings_seller_id_created_at_idx on public.listings (seller_id, created_at desc);
-- squawk-ignore require-concurrent-index-creation
create index listings_created_at_idx on public.listings (created_at desc);
-- squawk-ignore require-concurrent-index-creation
create index listings_live_created_at_idx on public.listings (created_at desc)
where status = 'live';
-- squawk-ignore require-concurrent-index-creation
create index listings_live_end_at_idx on public.listings (end_at) where status = 'live';
-- squawk-ignore require-concurrent-index-creation
create index listings_live_start_cents_idx on public.listings (start_cents)
where status = 'live';
-- squawk-ignore require-concurrent-index-creation
create index listings_ended_created_at_idx on public.listings (created_at desc)
where status = 'ended';
-- squawk-ignore require-concurrent-index-creation
create index listings_ended_end_at_idx on public.listings (end_at) where status = 'ended';
-- squawk-ignore require-concurrent-index-creation
create index listings_ended_start_cents_idx on public.listings (start_cents)
where status = 'ended';

-- squawk-ignore require-concurrent-index-creation
create index bids_auction_id_placed_at_idx on public.bids (auction_id, placed_at desc);
-- squawk-ignore require-concurrent-index-creation
create index orders_created_at_idx on public.orders (created_at desc);

alter policy everyone_reads_bids_with_their_auction on public.bids
using ((
  select true from public.auctions
  where auctions.id = bids.auction_id
));
alter policy everyone_reads_photos_with_their_listing on public.listing_photos
using ((
  select true from public.listings
  where listings.id = listing_photos.listing_id
));
