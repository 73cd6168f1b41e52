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
