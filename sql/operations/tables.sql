create table private.open_alerts (
  subject text not null,
  name text not null, -- noqa: RF04
  leased_until timestamptz not null,
  created_at timestamptz not null default now(),
  constraint open_alerts_pkey primary key (subject, name)
);
comment on table private.open_alerts is 'Alerts that no process has confirmed as logged. The transaction that finds a problem adds the row, so a lost answer or a killed process loses no alert.';
comment on column private.open_alerts.subject is 'The id of the event, outbox row or PaymentIntent that the alert is about.';
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
  list text not null, -- noqa: RF04
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
