set lock_timeout = '2s';
set statement_timeout = '30s';

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
