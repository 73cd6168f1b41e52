create type private.verification_status
as enum ('starting', 'requires_input', 'processing', 'verified', 'canceled');
comment on type private.verification_status is 'The state of a verification. starting: we have not learnt the session''s id from Stripe yet. The others are Stripe''s own words.';

create type private.redaction_state as enum ('none', 'requested', 'processing', 'redacted');
comment on type private.redaction_state is 'The progress of a redaction. requested: its outbox row is queued. processing: Stripe has accepted it. redacted: Stripe has confirmed that the personal data are gone.';

create table private.kyc_sessions (
  id uuid not null default gen_random_uuid(),
  user_id uuid,
  stripe_session_id text,
  status private.verification_status not null default 'starting',
  reason_code text,
  last_event_at timestamptz,
  completed_at timestamptz,
  redaction private.redaction_state not null default 'none',
  redaction_requested_at timestamptz,
  redacted_at timestamptz,
  answered_errors integer not null default 0,
  reads_begun bigint not null default 0,
  reads_applied bigint not null default 0,
  checked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint kyc_sessions_pkey primary key (id),
  constraint kyc_sessions_user_id_fkey foreign key (user_id) references public.users (id)
  on delete set null,
  constraint kyc_sessions_stripe_session_id_key unique (stripe_session_id),
  constraint kyc_sessions_starting_has_no_id
  check ((status = 'starting') = (stripe_session_id is null)),
  constraint kyc_sessions_reason_code_is_a_word
  check (reason_code collate "C" ~ '^[a-z]+(_[a-z]+)*$' and char_length(reason_code) <= 100),
  constraint kyc_sessions_answered_errors_is_not_negative check (answered_errors >= 0),
  constraint kyc_sessions_reads_begin_first check (reads_applied between 0 and reads_begun)
);
comment on table private.kyc_sessions is 'Verifications of people, each a session of Stripe Identity. It holds status, reason code and times, and nothing from a document.';
comment on column private.kyc_sessions.user_id is 'The person. Null once the account was deleted whole; the row stays until its redaction is confirmed.';
comment on column private.kyc_sessions.last_event_at is 'The time, by Stripe''s clock, of the newest event that was applied.';
comment on column private.kyc_sessions.answered_errors is 'The number of errors that Stripe answered to the creation of the session. It is part of the idempotency key.';
comment on column private.kyc_sessions.reads_begun is 'The number of reads of the session at Stripe that have begun. A later read contains everything that an earlier one was begun for.';
comment on column private.kyc_sessions.reads_applied is 'The number of the latest read that was applied. The result of an earlier read is out of date.';
comment on column private.kyc_sessions.checked_at is 'The time at which reconcile last claimed the session, to read it again.';

create unique index kyc_sessions_one_open_per_user_key on private.kyc_sessions (user_id)
where status in ('starting', 'requires_input', 'processing');
create index kyc_sessions_user_id_created_at_idx
on private.kyc_sessions (user_id, created_at desc);
create index kyc_sessions_unfinished_idx on private.kyc_sessions (checked_at)
where status in ('requires_input', 'processing') or redaction in ('requested', 'processing');

create table private.kyc_attempts (
  report_id text not null,
  session_id uuid not null,
  user_id uuid not null,
  failed_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint kyc_attempts_pkey primary key (report_id),
  constraint kyc_attempts_session_id_fkey foreign key (session_id)
  references private.kyc_sessions (id) on delete cascade,
  constraint kyc_attempts_user_id_fkey foreign key (user_id)
  references public.users (id) on delete cascade
);
comment on table private.kyc_attempts is 'Failed checks of documents, each with the id of Stripe''s report, so each check counts once. A session that its user left counts none.';

create index kyc_attempts_user_id_failed_at_idx on private.kyc_attempts (user_id, failed_at desc);
create index kyc_attempts_session_id_idx on private.kyc_attempts (session_id);
