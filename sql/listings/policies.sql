alter table public.listings enable row level security;
grant select (
  id, seller_id, title, description, category_id, condition, location, pickup, shipping,
  start_cents, buy_now_cents, start_at, end_at, status, current_bid_cents, bid_count,
  created_at, updated_at
) on public.listings to anon, authenticated;

create policy everyone_reads_uncancelled_listings on public.listings
for select to anon, authenticated
using (status <> 'cancelled');
comment on policy everyone_reads_uncancelled_listings on public.listings is 'Everyone reads scheduled, live and ended listings. Bidders can still read a listing after its end.';

create policy sellers_and_staff_read_cancelled_listings on public.listings
for select to authenticated
using (seller_id = (select auth.uid()) or (select private.is_staff()));
comment on policy sellers_and_staff_read_cancelled_listings on public.listings is 'A cancelled listing is hidden from everybody else.';

alter table private.listing_private enable row level security;

alter table public.listing_photos enable row level security;
grant select (
  id, listing_id, url, path, order_idx, perceptual_hash, file_size, mime_type, width, height,
  created_at
) on public.listing_photos to anon, authenticated;

create policy everyone_reads_photos_with_their_listing on public.listing_photos
for select to anon, authenticated
using (
  exists (
    select from public.listings as l
    where l.id = listing_photos.listing_id
  )
);
comment on policy everyone_reads_photos_with_their_listing on public.listing_photos is 'The policies of listings decide who may read the photos.';
