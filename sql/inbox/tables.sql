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
