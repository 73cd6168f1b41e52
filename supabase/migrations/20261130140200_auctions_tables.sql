-- This migration creates the tables of listings with their photos, auctions and bids.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Listings: tables.

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

-- Photos: tables.

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

-- Auctions: tables.

create type public.auction_status
as enum ('scheduled', 'live', 'finalized', 'no_sale', 'cancelled');
comment on type public.auction_status is 'finalized: sold, with an order. no_sale: no bid, or the reserve was not met.';

create table public.auctions (
  id uuid not null default gen_random_uuid(),
  listing_id uuid not null,
  status public.auction_status not null default 'scheduled',
  start_at timestamptz not null,
  end_at timestamptz not null,
  scheduled_end_at timestamptz not null,
  current_price_cents bigint not null,
  min_next_bid_cents bigint not null,
  -- There is no foreign key, because a second one between auctions and bids makes embeds ambiguous.
  -- A trigger checks the id.
  high_bid_id uuid,
  high_bidder_id uuid,
  bid_count integer not null default 0,
  reserve_met boolean not null,
  extension_count integer not null default 0,
  increment_scheme text not null default 'default',
  version integer not null default 1,
  finalized_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  outage_extension_s integer not null default 0,
  outage_extension_reason text,
  constraint auctions_pkey primary key (id),
  constraint auctions_listing_id_fkey foreign key (listing_id) references public.listings (id),
  constraint auctions_high_bidder_id_fkey foreign key (high_bidder_id) references public.users (id),
  constraint auctions_end_is_after_start check (end_at > start_at),
  constraint auctions_end_is_no_earlier_than_scheduled check (end_at >= scheduled_end_at),
  constraint auctions_price_is_money check (current_price_cents between 100 and 99999999),
  constraint auctions_minimum_is_no_less check (min_next_bid_cents >= current_price_cents),
  constraint auctions_leader_has_a_bid check ((high_bid_id is null) = (high_bidder_id is null)),
  constraint auctions_counts_are_no_debts check (bid_count >= 0 and extension_count >= 0),
  constraint auctions_increment_scheme_is_known check (increment_scheme = 'default'),
  constraint auctions_outage_extension_has_a_reason check (
    outage_extension_s >= 0 and (outage_extension_s > 0) = (outage_extension_reason is not null)
  )
)
-- Each page keeps free space, so a new version of a row stays on the page of the old one.
with (fillfactor = 70);
comment on table public.auctions is 'The timed sale of a listing. Each accepted bid updates the row once.';
comment on column public.auctions.current_price_cents is 'The price now; before the first bid, the start price.';
comment on column public.auctions.scheduled_end_at is 'The end before late bids moved it. A late start and an outage move it too.';
comment on column public.auctions.version is 'Rises with each change, so that a client can drop a message that is older than its state.';
comment on column public.auctions.finalized_at is 'The time of the close or of the cancellation.';
comment on column public.auctions.outage_extension_s is 'The bidding time in seconds, rounded up, that the auction got back after an outage of ours. It gets time back once. 0 if none.';

-- PostgREST embeds auctions in listings as an array only if this is an index, not a constraint.
create unique index auctions_listing_id_idx on public.auctions (listing_id);
create index auctions_high_bidder_id_idx on public.auctions (high_bidder_id);
create index auctions_status_end_at_idx on public.auctions (status, end_at);
create index auctions_scheduled_start_at_idx on public.auctions (start_at)
where status = 'scheduled';
create index auctions_finalized_at_idx on public.auctions (finalized_at);

create table private.finalize_failures (
  auction_id uuid not null,
  attempts integer not null,
  retry_at timestamptz not null,
  error text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint finalize_failures_pkey primary key (auction_id),
  constraint finalize_failures_auction_id_fkey
  foreign key (auction_id) references public.auctions (id),
  constraint finalize_failures_attempts_are_positive check (attempts > 0)
);
comment on table private.finalize_failures is 'Auctions that could not be opened or closed, each with the time of the next try.';

create index finalize_failures_retry_at_idx on private.finalize_failures (retry_at);

create table private.auction_broadcasts (
  auction_id uuid not null,
  version integer not null,
  mark_s integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint auction_broadcasts_pkey primary key (auction_id),
  constraint auction_broadcasts_auction_id_fkey
  foreign key (auction_id) references public.auctions (id)
);
comment on table private.auction_broadcasts is 'The last broadcast of each auction: its version, and the lowest mark before the end that had passed.';

-- Bidding: tables.

-- Hosted Supabase has this extension already.
create extension if not exists pgcrypto with schema extensions;

create table public.bids (
  id uuid not null default gen_random_uuid(),
  auction_id uuid not null,
  bidder_id uuid not null,
  amount_cents bigint not null,
  max_proxy_cents bigint,
  is_proxy boolean not null default false,
  accepted boolean not null default true,
  placed_at timestamptz not null,
  seq integer not null,
  created_at timestamptz not null default now(),
  constraint bids_pkey primary key (id),
  constraint bids_auction_id_fkey foreign key (auction_id) references public.auctions (id),
  constraint bids_bidder_id_fkey foreign key (bidder_id) references public.users (id),
  constraint bids_auction_id_seq_key unique (auction_id, seq),
  constraint bids_amount_is_money check (amount_cents between 100 and 99999999),
  constraint bids_maximum_is_kept_elsewhere check (max_proxy_cents is null),
  constraint bids_seq_is_positive check (seq > 0)
);
comment on table public.bids is 'Every bid. A row never changes, except that a withdrawal sets accepted to false.';
comment on column public.bids.max_proxy_cents is 'Always null, because maxima are secret. The column exists for clients that select it.';
comment on column public.bids.is_proxy is 'The system placed this bid, up to a maximum.';
comment on column public.bids.accepted is 'False once the bid was withdrawn, or once a withdrawal lowered the price below an automatic bid.';

-- The index covers accepted bids only, so a bidder may reach an amount again after a withdrawal.
create unique index bids_auction_id_bidder_id_amount_cents_idx
on public.bids (auction_id, bidder_id, amount_cents) where accepted;
create index bids_auction_id_amount_cents_placed_at_idx
on public.bids (auction_id, amount_cents desc, placed_at);
create index bids_auction_id_placed_at_idx on public.bids (auction_id, placed_at desc);
create index bids_bidder_id_placed_at_idx on public.bids (bidder_id, placed_at desc);

create table private.proxy_bids (
  auction_id uuid not null,
  bidder_id uuid not null,
  max_cents bigint not null,
  max_set_at timestamptz not null,
  created_at timestamptz not null default now(),
  bidder_number integer,
  constraint proxy_bids_pkey primary key (auction_id, bidder_id),
  constraint proxy_bids_auction_id_fkey foreign key (auction_id) references public.auctions (id),
  constraint proxy_bids_bidder_id_fkey foreign key (bidder_id) references public.users (id),
  constraint proxy_bids_maximum_is_money check (max_cents between 100 and 99999999)
);
comment on table private.proxy_bids is 'The maximum of each bidder. It is secret: other users see only the price.';
comment on column private.proxy_bids.bidder_number is 'The bidder''s name in the bid log: bidders are numbered in the order of their first bids.';

create index proxy_bids_bidder_id_idx on private.proxy_bids (bidder_id);

create table private.bid_receipts (
  bidder_id uuid not null,
  client_bid_id uuid not null,
  auction_id uuid not null,
  receipt jsonb not null,
  created_at timestamptz not null default now(),
  constraint bid_receipts_pkey primary key (bidder_id, client_bid_id),
  constraint bid_receipts_bidder_id_fkey foreign key (bidder_id) references public.users (id),
  constraint bid_receipts_auction_id_fkey foreign key (auction_id) references public.auctions (id)
);
comment on table private.bid_receipts is 'The answer to each accepted bid with a client_bid_id. A client that repeats the call gets it again and places no second bid. It is kept until 30 days after the close of the auction.';

create index bid_receipts_auction_id_idx on private.bid_receipts (auction_id);

create table private.bid_withdrawals (
  id uuid not null default gen_random_uuid(),
  auction_id uuid not null,
  bidder_id uuid not null,
  actor_id uuid,
  reason text not null,
  withdrawn_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint bid_withdrawals_pkey primary key (id),
  constraint bid_withdrawals_auction_id_bidder_id_key unique (auction_id, bidder_id),
  constraint bid_withdrawals_auction_id_fkey
  foreign key (auction_id) references public.auctions (id),
  constraint bid_withdrawals_bidder_id_fkey foreign key (bidder_id) references public.users (id),
  constraint bid_withdrawals_actor_id_fkey foreign key (actor_id) references public.users (id),
  constraint bid_withdrawals_reason_is_short check (char_length(reason) between 1 and 500)
);
comment on table private.bid_withdrawals is 'Bidders whose bids were withdrawn from an auction. They may not bid there again.';
comment on column private.bid_withdrawals.actor_id is 'The member of staff who withdrew the bids; null if the close did.';

create index bid_withdrawals_bidder_id_idx on private.bid_withdrawals (bidder_id);
create index bid_withdrawals_actor_id_idx on private.bid_withdrawals (actor_id);

create table private.bid_log (
  auction_id uuid not null,
  seq integer not null,
  kind text not null,
  record jsonb not null,
  commitment bytea,
  hash bytea not null,
  previous_hash bytea,
  sealed_cents bigint,
  salt bytea,
  bidder_number integer,
  bidder_count integer not null,
  rules_hash bigint not null,
  created_at timestamptz not null default now(),
  constraint bid_log_pkey primary key (auction_id, seq),
  constraint bid_log_auction_id_fkey foreign key (auction_id) references public.auctions (id),
  constraint bid_log_kind_is_known check (
    kind in ('start', 'rules', 'bid', 'raise', 'sealed', 'withdrawal', 'extension', 'close')
  ),
  constraint bid_log_first_row_has_no_previous check (
    (seq = 1) = (previous_hash is null) and (seq = 1) = (kind = 'start')
  ),
  constraint bid_log_seal_is_complete check (num_nulls(commitment, sealed_cents, salt) in (0, 3)),
  constraint bid_log_hashes_have_their_length check (
    length(hash) = 32 and length(previous_hash) = 32 and length(commitment) = 32
    and length(salt) = 16
  )
);
comment on table private.bid_log is 'The history of each auction as a chain of hashes. Rows are added under the auction''s lock and never changed. get_bid_log publishes the first seven columns after the close.';
comment on column private.bid_log.commitment is 'SHA-256 over the sealed amount and the salt, so the amount cannot be changed later.';
comment on column private.bid_log.previous_hash is 'The hash of the row before; null in the first row.';
comment on column private.bid_log.sealed_cents is 'The amount behind the commitment: the bidder''s maximum; in the first row, the reserve.';
comment on column private.bid_log.bidder_number is 'The bidder. A number names no user, so the log holds no personal data.';
comment on column private.bid_log.bidder_count is 'The number of bidders up to this row.';
comment on column private.bid_log.rules_hash is 'A hash of the settings in force. If they change, the next row states the new ones.';
comment on column private.bid_log.created_at is 'The time that the row states or seals.';

create table private.bidding_rules (
  is_only boolean not null default true,
  rules jsonb not null,
  rules_hash bigint not null generated always as (jsonb_hash_extended(rules, 0)) stored,
  constraint bidding_rules_pkey primary key (is_only),
  constraint bidding_rules_has_one_row check (is_only)
);
comment on table private.bidding_rules is 'The settings that decide about bids, in one row: each bid reads them. A trigger on the settings keeps them in step.';
comment on column private.bidding_rules.rules_hash is 'The bid log compares it, and states the rules when it has changed.';

create type private.standing as (
  auction_id uuid,
  listing_id uuid,
  status public.auction_status,
  start_at timestamptz,
  end_at timestamptz,
  scheduled_end_at timestamptz,
  price_cents bigint,
  min_next_bid_cents bigint,
  high_bid_id uuid,
  leader_id uuid,
  bid_count integer,
  reserve_met boolean,
  version integer,
  seller_id uuid,
  title text,
  seller_is_suspended boolean,
  reserve_cents bigint,
  leader_max_cents bigint,
  last_seq integer,
  bidder_id uuid,
  bidder_kyc public.kyc_status,
  bidder_is_suspended boolean,
  bidder_is_barred boolean,
  bidder_has_strikes boolean,
  rules jsonb,
  leader_number integer,
  bidder_number integer,
  bidder_count integer,
  log_seq integer,
  log_hash bytea,
  log_rules_hash bigint,
  rules_hash bigint
);
comment on type private.standing is 'An auction, its bidder and the rules: everything that decides about a bid, read after the bid holds the auction''s locks.';
