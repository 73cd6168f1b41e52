alter table public.listings enable row level security;
grant select (
  id, seller_id, title, description, category_id, condition, location, pickup, shipping,
  start_cents, buy_now_cents, start_at, end_at, status, current_bid_cents, bid_count,
  created_at, updated_at
) on public.listings to anon, authenticated;

create policy visitors_read_uncancelled_listings on public.listings
for select to anon
using (status <> 'cancelled');
comment on policy visitors_read_uncancelled_listings on public.listings is 'Visitors read scheduled, live and ended listings.';

create policy users_read_uncancelled_and_own_listings on public.listings
for select to authenticated
using (
  status <> 'cancelled' or seller_id = (select auth.uid()) or (select private.is_staff())
);
comment on policy users_read_uncancelled_and_own_listings on public.listings is 'Bidders can still read a listing after its end. Only its seller and staff read a cancelled one.';

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
