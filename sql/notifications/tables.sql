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
