alter table public.listing_photos enable row level security;
grant select (
  id, listing_id, url, path, order_idx, perceptual_hash, file_size, mime_type, width, height,
  created_at
) on public.listing_photos to anon, authenticated;

create policy everyone_reads_photos_with_their_listing on public.listing_photos
for select to anon, authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all listings.
using ((
  select true from public.listings
  where listings.id = listing_photos.listing_id
));
comment on policy everyone_reads_photos_with_their_listing on public.listing_photos is 'The policies of listings decide who may read the photos.';
