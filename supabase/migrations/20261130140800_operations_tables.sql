-- This migration creates the tables of figures, checks and job runs, which operators read.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Operations: tables.

create table private.open_alerts (
  subject text not null,
  name text not null,
  leased_until timestamptz not null,
  created_at timestamptz not null default now(),
  constraint open_alerts_pkey primary key (subject, name)
);
comment on table private.open_alerts is 'Alerts that no process has confirmed as logged. The transaction that finds a problem adds the row, so a lost answer or a killed process loses no alert.';
comment on column private.open_alerts.subject is 'The id of the event, outbox row, order or object of Stripe that the alert is about.';
comment on column private.open_alerts.leased_until is 'End of the lease. Until then the caller that received the alert, or the worker that claimed it, logs and confirms it.';

create table private.job_runs (
  id bigint generated always as identity,
  job text not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  processed integer not null default 0,
  failed integer not null default 0,
  error text,
  constraint job_runs_pkey primary key (id),
  constraint job_runs_counts_are_not_negative check (processed >= 0 and failed >= 0)
);
comment on table private.job_runs is 'Runs of the periodic jobs, with the number of items that each processed or failed to process.';

create index job_runs_job_started_at_idx on private.job_runs (job, started_at desc);

create table private.reading_positions (
  list text not null,
  reached_at timestamptz not null,
  constraint reading_positions_pkey primary key (list)
);
comment on table private.reading_positions is 'The time up to which reconcile has read each list, of Stripe or of expired rows. The time is part of the database, so a restored database reads the lost hours again.';

create table private.object_checks (
  object_id text not null,
  checked_at timestamptz not null,
  constraint object_checks_pkey primary key (object_id)
);
comment on table private.object_checks is 'The time at which reconcile last read an open object of Stripe again. Each object gets its turn, and two workers never read one at the same time.';

create index object_checks_checked_at_idx on private.object_checks (checked_at);

create table private.balance_transactions (
  id text not null,
  source_id text not null,
  kind text not null,
  amount_cents bigint not null,
  currency text not null,
  payment_intent_id text,
  transfer_id text,
  order_ref text,
  order_id uuid,
  created_at timestamptz not null,
  recorded_at timestamptz not null,
  constraint balance_transactions_pkey primary key (id),
  constraint balance_transactions_order_id_fkey
  foreign key (order_id) references public.orders (id)
);
comment on table private.balance_transactions is 'Movements of our balance at Stripe that concern charges, refunds, disputes, transfers and reversals. Amounts are without Stripe''s fees.';
comment on column private.balance_transactions.source_id is 'The charge, refund, dispute, transfer or reversal that moved the money.';
comment on column private.balance_transactions.order_ref is 'The order that the metadata of the source names. It counts only if no payment or payout of ours names the order.';
comment on column private.balance_transactions.order_id is 'The order that the money belongs to. Null as long as the database knows none.';

create index balance_transactions_order_id_idx on private.balance_transactions (order_id);
create index balance_transactions_recorded_at_idx
on private.balance_transactions using brin (recorded_at);
create index balance_transactions_without_order_idx
on private.balance_transactions (recorded_at)
where order_id is null;

create table private.order_checks (
  order_id uuid not null,
  checked_at timestamptz not null,
  has_drift boolean not null default false,
  difference_cents bigint not null default 0,
  differs_since timestamptz,
  is_blocked boolean not null default false,
  constraint order_checks_pkey primary key (order_id),
  constraint order_checks_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint order_checks_block_a_difference check (
    (differs_since is not null) = (difference_cents <> 0)
    and (not is_blocked or differs_since is not null)
  )
);
comment on table private.order_checks is 'The result of the last check of each order: whether its rows agree with its ledger, and its ledger with Stripe.';
comment on column private.order_checks.difference_cents is 'Stripe''s movements of the order less its ledger. A movement and its event do not arrive at the same time, so a short difference is normal.';
comment on column private.order_checks.is_blocked is 'Two checks at least ten minutes apart have seen a difference. No transfer of the order is sent meanwhile.';

create index order_checks_checked_at_idx on private.order_checks (checked_at);
create index order_checks_unhealthy_idx on private.order_checks (checked_at)
where has_drift or differs_since is not null;

create table private.heartbeats (
  slot integer not null,
  beat_at timestamptz not null,
  constraint heartbeats_pkey primary key (slot),
  constraint heartbeats_slots_are_twelve check (slot between 0 and 11)
);
comment on table private.heartbeats is 'The last heartbeats of the workers. Each worker writes one every five seconds. All workers use the slots in turn, so the table never grows, and a session that hangs blocks one slot only.';

create table private.outages (
  started_at timestamptz not null,
  ended_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint outages_pkey primary key (started_at),
  constraint outages_end_after_their_start check (ended_at > started_at)
);
comment on table private.outages is 'Times without a heartbeat and without a bid. Bidders could probably not bid then.';

create table private.close_lags (
  id bigint generated always as identity,
  lag_s numeric not null,
  created_at timestamptz not null default now(),
  constraint close_lags_pkey primary key (id)
);
comment on table private.close_lags is 'Lags of the auctions that pg_cron has closed, until a worker takes them into its metrics. A worker counts the auctions that it closes itself.';

create table private.limit_refusals (
  action text not null,
  key text not null,
  count integer not null default 1,
  created_at timestamptz not null default now(),
  constraint limit_refusals_pkey primary key (action, key),
  constraint limit_refusals_count_is_positive check (count > 0)
);
comment on table private.limit_refusals is 'Calls of RPCs that a rate limit has refused, until a worker takes them into its metrics. Each user has a row, so refused calls of different users never wait for each other.';

create table public.metrics (
  id uuid not null default gen_random_uuid(),
  metric_type text not null,
  metric_name text not null,
  value numeric not null,
  metadata jsonb not null default '{}',
  recorded_at timestamptz not null,
  constraint metrics_pkey primary key (id)
);
comment on table public.metrics is 'Figures of the last 30 days for the admin page, in rows of one time every five minutes. They are the gauges that /metrics shows.';

create index metrics_recorded_at_idx on public.metrics (recorded_at desc);
