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
