create type public.ledger_type
as enum ('AUTH', 'CAPTURE', 'HOLD', 'RELEASE', 'FEE', 'PAYOUT', 'REFUND', 'ADJUST');
comment on type public.ledger_type is 'The step of an order that an entry belongs to.';

create type public.ledger_account as enum (
  'buyer', 'stripe_clearing', 'platform_fee', 'seller_payable', 'refunds', 'dispute_hold'
);
comment on type public.ledger_account is 'The accounts of each order. A positive amount is a debit.';

create type private.ledger_line as (
  account public.ledger_account,
  entry_type public.ledger_type,
  amount_cents bigint
);
comment on type private.ledger_line is 'One line of a posting, before it is written for an order.';

create type private.ledger_shares as (
  buyer_cents bigint,
  seller_cents bigint,
  platform_cents bigint
);
comment on type private.ledger_shares is 'The amounts that a payment puts on the accounts buyer, seller_payable and platform_fee, transfers aside.';

create table public.ledger_entries (
  id uuid not null default gen_random_uuid(),
  txn_id uuid not null,
  order_id uuid not null,
  user_id uuid,
  account public.ledger_account not null,
  entry_type public.ledger_type not null,
  amount_cents bigint not null,
  currency text not null,
  description text not null,
  meta jsonb not null default '{}',
  fact text not null,
  created_at timestamptz not null default now(),
  constraint ledger_entries_pkey primary key (id),
  constraint ledger_entries_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint ledger_entries_user_id_fkey foreign key (user_id) references public.users (id),
  constraint ledger_entries_order_id_entry_type_account_fact_key
  unique (order_id, entry_type, account, fact),
  constraint ledger_entries_say_something check (amount_cents <> 0),
  constraint ledger_entries_currency_is_a_code check (currency ~ '^[a-z]{3}$')
);
comment on table public.ledger_entries is 'Double-entry ledger in integer cents, append only. Each txn_id sums to zero per currency. A fact names what happened, not the message that reported it, and is posted once.';

create index ledger_entries_txn_id_idx on public.ledger_entries (txn_id);
create index ledger_entries_user_id_idx on public.ledger_entries (user_id);
-- Entries are added in the order of this time, so a summary of each block is enough.
create index ledger_entries_created_at_idx on public.ledger_entries using brin (created_at);
