-- This migration creates the tables of notifications, reports, strikes, the inbox of Stripe's
-- events, and the outbox of calls to other systems.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Notifications: tables.

create table public.notifications (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  type text not null,
  title text not null,
  message text not null,
  read boolean not null default false,
  metadata jsonb not null default '{}',
  dedupe_key text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint notifications_pkey primary key (id),
  constraint notifications_user_id_fkey foreign key (user_id) references public.users (id),
  constraint notifications_dedupe_key_key unique (dedupe_key),
  constraint notifications_type_is_known check (
    type in (
      'order_paid', 'order_shipped', 'order_delivered', 'order_cancelled', 'payment_failed',
      'payment_received', 'payment_reminder', 'dispute_created', 'dispute_resolved',
      'new_message', 'auction_won', 'auction_ended', 'auction_no_sale', 'auction_cancelled',
      'outbid', 'order_ready', 'handover_reminder', 'bids_withdrawn', 'payout_action_required',
      'auction_extended', 'funds_released', 'refund_processed', 'kyc_updated'
    )
  )
);
comment on table public.notifications is 'Notifications of users. metadata holds an order''s id as order_id and as orderId, because the web app reads both keys.';

create index notifications_user_id_created_at_idx
on public.notifications (user_id, created_at desc);
create index notifications_unread_user_id_idx on public.notifications (user_id) where not read;

-- Moderation: tables.

create table public.user_strikes (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  order_id uuid not null,
  reason text not null,
  points integer not null default 1,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint user_strikes_pkey primary key (id),
  constraint user_strikes_user_id_fkey foreign key (user_id) references public.users (id),
  constraint user_strikes_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint user_strikes_order_id_reason_key unique (order_id, reason),
  constraint user_strikes_reason_is_known check (reason in ('unpaid', 'not_handed_over')),
  constraint user_strikes_points_are_positive check (points > 0)
);
comment on table public.user_strikes is 'Strikes against users who broke a promise, one per order and reason. Enough unexpired points block a bidder.';

create index user_strikes_user_id_expires_at_idx on public.user_strikes (user_id, expires_at);

create type public.report_status as enum ('open', 'upheld', 'dismissed');
comment on type public.report_status is 'The decision of staff about a report. An open report waits for it.';

create table public.content_reports (
  id uuid not null default gen_random_uuid(),
  reporter_id uuid not null,
  listing_id uuid,
  message_id uuid,
  user_id uuid,
  reason text not null,
  status public.report_status not null default 'open',
  decided_by uuid,
  decided_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null default now(),
  constraint content_reports_pkey primary key (id),
  constraint content_reports_reporter_id_fkey
  foreign key (reporter_id) references public.users (id),
  constraint content_reports_listing_id_fkey
  foreign key (listing_id) references public.listings (id),
  constraint content_reports_message_id_fkey
  foreign key (message_id) references public.messages (id),
  constraint content_reports_user_id_fkey foreign key (user_id) references public.users (id),
  constraint content_reports_decided_by_fkey
  foreign key (decided_by) references public.users (id),
  -- The target comes first in these keys, so they also serve its foreign key.
  constraint content_reports_listing_id_reporter_id_key unique (listing_id, reporter_id),
  constraint content_reports_message_id_reporter_id_key unique (message_id, reporter_id),
  constraint content_reports_user_id_reporter_id_key unique (user_id, reporter_id),
  constraint content_reports_have_one_target
  check (num_nonnulls(listing_id, message_id, user_id) = 1),
  constraint content_reports_reason_is_short check (char_length(reason) between 10 and 500),
  constraint content_reports_decision_has_an_author
  check (num_nulls(decided_by, decided_at) = case when status = 'open' then 2 else 0 end)
);
comment on table public.content_reports is 'Reports of users about a listing, a message or another user. Each user reports a target once. Staff decide about them.';

create index content_reports_reporter_id_created_at_idx
on public.content_reports (reporter_id, created_at desc);
create index content_reports_decided_by_idx on public.content_reports (decided_by);
-- Staff read the open reports, the oldest first.
create index content_reports_open_created_at_idx on public.content_reports (created_at, id)
where status = 'open';

-- Inbox: tables.

create type public.webhook_status
as enum ('received', 'failed', 'processed', 'ignored', 'dead');
comment on type public.webhook_status is 'An event is open while it is received or failed, and settled once it is processed or ignored. A dead event has used up its tries; staff decide about it.';

create table public.webhook_events (
  event_id text not null,
  source text not null,
  type text not null,
  livemode boolean not null,
  order_ref text,
  order_id uuid,
  payment_intent_id text,
  object_id text,
  payload jsonb,
  payload_sha256 text not null,
  status public.webhook_status not null default 'received',
  outcome text,
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  error_code text,
  error_message text,
  created_at timestamptz not null,
  received_at timestamptz not null,
  processed_at timestamptz,
  leased_until timestamptz,
  lease_token uuid,
  api_version text,
  constraint webhook_events_pkey primary key (event_id),
  constraint webhook_events_source_is_known check (source in ('stripe', 'stripe_identity')),
  constraint webhook_events_outcome_is_known check (
    outcome in ('processed', 'order_already_processed', 'order_not_found', 'ignored')
  ),
  constraint webhook_events_outcome_comes_with_the_settling check (
    (status in ('processed', 'ignored'))
    = (outcome is not null and processed_at is not null)
  ),
  constraint webhook_events_open_ones_have_a_next_attempt check (
    (status in ('received', 'failed')) = (next_attempt_at is not null)
  )
);
comment on table public.webhook_events is 'Every event from Stripe, stored once under its id. The payload may be deleted later; the id, the hash and the outcome stay for ever.';
comment on column public.webhook_events.created_at is 'The time at which Stripe made the event, by Stripe''s clock.';
comment on column public.webhook_events.order_id is 'The order that the event was applied to. It has no foreign key, because an event may name an order that does not exist.';
comment on column public.webhook_events.error_code is 'The error of the last try, or the reason for which the event was ignored.';
comment on column public.webhook_events.payload is 'The object that the event is about. Unless it is about money, it holds only ids, status and reason code, because it may describe a person.';
comment on column public.webhook_events.payload_sha256 is 'SHA-256 of the canonical JSON of {type, created, data: {object}}, with the object as it is in payload. A redelivery may differ in other fields.';
comment on column public.webhook_events.api_version is 'The version of Stripe''s API that shaped the payload. The same event may come in another shape when its endpoint changes version.';

create unique index webhook_events_applied_once_key
on public.webhook_events (order_id, payment_intent_id, type)
where outcome = 'processed'
and type in ('payment_intent.succeeded', 'payment_intent.canceled');
create index webhook_events_open_next_attempt_at_idx on public.webhook_events (next_attempt_at)
where status in ('received', 'failed');
create index webhook_events_type_received_at_idx
on public.webhook_events (type, received_at desc);
create index webhook_events_dead_received_at_idx on public.webhook_events (received_at, event_id)
where status = 'dead';
create index webhook_events_waiting_payment_intent_id_idx
on public.webhook_events (payment_intent_id)
where status = 'failed';
create index webhook_events_waiting_order_ref_idx on public.webhook_events (order_ref)
where status = 'failed';
-- Events are added in the order of this time, so a summary of each block is enough.
create index webhook_events_received_at_idx on public.webhook_events using brin (received_at);
create index webhook_events_order_not_found_idx on public.webhook_events (order_ref)
where outcome = 'order_not_found';

-- Outbox: tables.

create type public.outbox_status as enum ('queued', 'leased', 'done', 'canceled', 'dead');
comment on type public.outbox_status is 'A canceled row must not or cannot be sent any more. A dead row has used up its tries; staff decide about it.';

create table public.outbox (
  id uuid not null,
  kind text not null,
  payload jsonb not null,
  dedupe_key text not null,
  status public.outbox_status not null default 'queued',
  attempts integer not null default 0,
  answered_errors integer not null default 0,
  next_attempt_at timestamptz not null,
  leased_until timestamptz,
  lease_token uuid,
  stripe_object_id text,
  last_error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unanswered_tries integer not null default 0,
  constraint outbox_pkey primary key (id),
  constraint outbox_dedupe_key_key unique (dedupe_key),
  constraint outbox_id_follows_from_the_dedupe_key
  check (id = md5('outbox:' || dedupe_key)::uuid),
  constraint outbox_kind_is_known check (
    kind in (
      'refund', 'auto_refund', 'cancel_intent', 'transfer', 'transfer_reversal',
      'redact_identity'
    )
  ),
  constraint outbox_lease_has_a_token check (
    (status = 'leased') = (lease_token is not null and leased_until is not null)
  )
);
comment on table public.outbox is 'Work that must be done at Stripe, each piece once. The id is computed from the key. So a restored database makes the same row again, and Stripe''s metadata still names it.';

comment on column public.outbox.attempts is 'The number of tries that Stripe answered, or that our code failed. A claim alone is no try.';
comment on column public.outbox.answered_errors is 'The number of errors that Stripe answered. It is part of the idempotency key.';
comment on column public.outbox.unanswered_tries is 'The number of tries since the last one that spent an attempt, in which Stripe was unreachable or too busy. They make the pause longer, but never use up the row.';

create index outbox_queued_next_attempt_at_idx on public.outbox (next_attempt_at)
where status = 'queued';
create index outbox_leased_until_idx on public.outbox (leased_until) where status = 'leased';
create index outbox_dead_created_at_idx on public.outbox (created_at, id) where status = 'dead';
create index outbox_order_id_idx on public.outbox ((payload ->> 'order_id'));
create index outbox_open_reversals_seller_id_idx on public.outbox ((payload ->> 'seller_id'))
where kind = 'transfer_reversal' and status in ('queued', 'leased');
