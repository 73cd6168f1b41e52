set lock_timeout = '2s';
set statement_timeout = '30s';

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
create index bids_bidder_id_placed_at_idx on public.bids (bidder_id, placed_at desc);

create table private.proxy_bids (
  auction_id uuid not null,
  bidder_id uuid not null,
  max_cents bigint not null,
  max_set_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint proxy_bids_pkey primary key (auction_id, bidder_id),
  constraint proxy_bids_auction_id_fkey foreign key (auction_id) references public.auctions (id),
  constraint proxy_bids_bidder_id_fkey foreign key (bidder_id) references public.users (id),
  constraint proxy_bids_maximum_is_money check (max_cents between 100 and 99999999)
);
comment on table private.proxy_bids is 'The maximum of each bidder. It is secret: other users see only the price.';

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
comment on table private.bid_receipts is 'The answer to each accepted bid with a client_bid_id. A client that repeats the call gets it again and places no second bid.';

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
  version integer, -- noqa: RF04
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
  rules jsonb
);
comment on type private.standing is 'An auction, its bidder and the rules: everything that decides about a bid, read after the bid holds the auction''s locks.';
