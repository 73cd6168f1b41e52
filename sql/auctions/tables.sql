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
