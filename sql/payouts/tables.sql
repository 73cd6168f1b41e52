create type public.payout_status as enum ('queued', 'paid', 'reversed', 'canceled', 'dead');
comment on type public.payout_status is 'The progress of a payout. paid: Stripe has made the transfer. reversed: all of it came back. A canceled payout was not sent, and a later one may replace it.';

create table public.payouts (
  id uuid not null default gen_random_uuid(),
  order_id uuid not null,
  seller_id uuid not null,
  outbox_id uuid,
  stripe_transfer_id text,
  amount_cents bigint not null,
  reversed_cents bigint not null default 0,
  status public.payout_status not null default 'queued',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint payouts_pkey primary key (id),
  constraint payouts_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint payouts_seller_id_fkey foreign key (seller_id) references public.users (id),
  constraint payouts_outbox_id_fkey foreign key (outbox_id) references public.outbox (id),
  constraint payouts_outbox_id_key unique (outbox_id),
  constraint payouts_stripe_transfer_id_key unique (stripe_transfer_id),
  constraint payouts_amount_is_positive check (amount_cents > 0),
  constraint payouts_reversed_at_most_the_amount
  check (reversed_cents between 0 and amount_cents),
  constraint payouts_are_made_by_a_transfer check (
    (status in ('paid', 'reversed')) = (stripe_transfer_id is not null)
  ),
  constraint payouts_reversed_means_all_of_it check (
    (status = 'reversed') = (status in ('paid', 'reversed') and reversed_cents = amount_cents)
  )
);
comment on table public.payouts is 'Transfers to sellers, in whole cents of the order''s currency. A payout without an outbox row was made in Stripe''s dashboard.';
comment on column public.payouts.amount_cents is 'The amount of the transfer. Until it is sent, the amount that was due when the row was written.';
comment on column public.payouts.reversed_cents is 'The part of the transfer that came back from the seller''s account.';

create index payouts_order_id_idx on public.payouts (order_id);
create index payouts_seller_id_created_at_idx on public.payouts (seller_id, created_at desc);
create index payouts_canceled_order_id_idx on public.payouts (order_id) where status = 'canceled';

create table private.connect_accounts (
  user_id uuid not null,
  answered_errors integer not null default 0,
  reads_begun bigint not null default 0,
  reads_applied bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint connect_accounts_pkey primary key (user_id),
  constraint connect_accounts_user_id_fkey foreign key (user_id) references public.users (id),
  constraint connect_accounts_answered_errors_is_not_negative check (answered_errors >= 0),
  constraint connect_accounts_reads_begin_first check (reads_applied between 0 and reads_begun)
);
comment on table private.connect_accounts is 'The dealings with Stripe about each seller''s Connect account. The account''s id and payouts_enabled are columns of users.';
comment on column private.connect_accounts.answered_errors is 'The number of errors that Stripe answered to the creation of the account. It is part of the idempotency key.';
comment on column private.connect_accounts.reads_begun is 'The number of reads of the account at Stripe that have begun. A later read contains everything that an earlier one was begun for.';
comment on column private.connect_accounts.reads_applied is 'The number of the latest read that was applied. The result of an earlier read is out of date.';
