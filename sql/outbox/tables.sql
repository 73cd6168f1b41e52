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
