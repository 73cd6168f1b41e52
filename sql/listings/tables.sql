create extension if not exists pg_trgm with schema extensions;

create type public.item_condition as enum ('new', 'like_new', 'good', 'fair', 'parts');
comment on type public.item_condition is 'State of the item. parts means for spare parts only.';

create type public.listing_status as enum ('scheduled', 'live', 'ended', 'cancelled');
comment on type public.listing_status is 'ended covers sold and unsold listings; the auction''s status tells them apart.';

create table public.listings (
  id uuid not null default gen_random_uuid(),
  seller_id uuid not null,
  title text not null,
  description text not null,
  category_id integer not null,
  condition public.item_condition not null,
  location jsonb not null,
  pickup boolean not null,
  shipping boolean not null,
  start_cents bigint not null,
  buy_now_cents bigint,
  start_at timestamptz not null,
  end_at timestamptz not null,
  status public.listing_status not null default 'scheduled',
  current_bid_cents bigint,
  bid_count integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint listings_pkey primary key (id),
  constraint listings_seller_id_fkey foreign key (seller_id) references public.users (id),
  constraint listings_title_is_a_line check (char_length(title) between 5 and 140),
  constraint listings_description_is_a_text check (char_length(description) between 20 and 4096),
  constraint listings_category_is_known check (category_id between 1 and 7),
  constraint listings_location_is_coarse check (
    location ?& array['suburb', 'postcode', 'state']
    and location - array['suburb', 'postcode', 'state'] = '{}'
    and (location ->> 'postcode') collate "C" ~ '^[0-9]{4}$'
    and location ->> 'state' in ('NSW', 'VIC', 'QLD', 'WA', 'SA', 'TAS', 'ACT', 'NT')
  ),
  constraint listings_can_be_had check (pickup or shipping),
  constraint listings_start_is_money check (start_cents between 100 and 99999999),
  constraint listings_buy_now_is_above_start
  check (buy_now_cents > start_cents and buy_now_cents <= 99999999),
  constraint listings_end_is_after_start check (end_at > start_at),
  constraint listings_current_bid_is_money
  check (current_bid_cents between start_cents and 99999999),
  constraint listings_bid_count_is_no_debt check (bid_count >= 0)
)
-- Free room on each page lets a bid update the snapshot in place.
with (fillfactor = 80);
comment on table public.listings is 'Items on offer. Price and bid count are a snapshot of the listing''s auction.';
comment on column public.listings.location is 'suburb, postcode, state. The street is in listing_private.';

create index listings_seller_id_created_at_idx on public.listings (seller_id, created_at desc);
create index listings_created_at_idx on public.listings (created_at desc);
-- The comparison of enums is not leakproof, so under row level security Postgres searches no index
-- by status. But it reads a partial index whose predicate the query's filter implies. There is one
-- for each filter and order of the marketplace.
create index listings_live_created_at_idx on public.listings (created_at desc)
where status = 'live';
create index listings_live_end_at_idx on public.listings (end_at) where status = 'live';
create index listings_live_start_cents_idx on public.listings (start_cents)
where status = 'live';
create index listings_live_category_id_created_at_idx
on public.listings (category_id, created_at desc) where status = 'live';
create index listings_ended_created_at_idx on public.listings (created_at desc)
where status = 'ended';
create index listings_ended_end_at_idx on public.listings (end_at) where status = 'ended';
create index listings_ended_start_cents_idx on public.listings (start_cents)
where status = 'ended';

create table private.listing_private (
  listing_id uuid not null,
  reserve_cents bigint,
  street text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint listing_private_pkey primary key (listing_id),
  constraint listing_private_listing_id_fkey
  foreign key (listing_id) references public.listings (id),
  constraint listing_private_reserve_is_money check (reserve_cents between 101 and 99999999),
  constraint listing_private_street_is_a_line check (char_length(street) between 1 and 120)
);
comment on table private.listing_private is 'The part of a listing that only its seller and staff read: reserve and street. The buyer of a paid order gets the street too.';

create table private.listing_texts (
  listing_id uuid not null,
  folded_text text collate "C" not null,
  constraint listing_texts_pkey primary key (listing_id),
  constraint listing_texts_listing_id_fkey
  foreign key (listing_id) references public.listings (id)
);
comment on table private.listing_texts is 'Title and description of each listing in lower case, for the search. They are apart from the listings, because a bid or a close would otherwise write to the index of texts.';

create index listing_texts_folded_text_idx on private.listing_texts
using gin (folded_text extensions.gin_trgm_ops);
