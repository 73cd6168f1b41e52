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
