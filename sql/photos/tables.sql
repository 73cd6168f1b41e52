create table public.listing_photos (
  id uuid not null default gen_random_uuid(),
  listing_id uuid not null,
  url text not null,
  path text not null,
  order_idx integer not null default 0,
  perceptual_hash text,
  file_size bigint not null,
  mime_type text not null,
  width integer not null,
  height integer not null,
  created_at timestamptz not null default now(),
  constraint listing_photos_pkey primary key (id),
  constraint listing_photos_path_key unique (path),
  constraint listing_photos_listing_id_fkey
  foreign key (listing_id) references public.listings (id),
  constraint listing_photos_order_is_small check (order_idx between 0 and 100),
  constraint listing_photos_hash_is_hex check (perceptual_hash ~ '^[0-9a-f]{64}$'),
  constraint listing_photos_size_is_positive check (file_size > 0 and width > 0 and height > 0)
);
comment on table public.listing_photos is 'Photos of listings. The files are in the bucket listing-photos.';

create index listing_photos_listing_id_idx on public.listing_photos (listing_id, order_idx);
-- A listing that is offered again shows the file of its predecessor under this part of the path.
create index listing_photos_object_idx
on public.listing_photos (split_part(path, '#', 1));
