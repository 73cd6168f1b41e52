-- This migration creates the tables of settings, rate limits, the audit log, users, and requests
-- that RPCs have answered.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Settings: tables.

create table private.app_settings (
  key text not null,
  value jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint app_settings_pkey primary key (key)
);
comment on table private.app_settings is 'Business rules as data. Functions read them at each use, so a change takes effect with the next call.';

insert into private.app_settings (key, value) values
('platform_fee_bps', '500'),
(
  'bid_increments',
  '[
    {"below_cents": 1000, "step_cents": 50},
    {"below_cents": 5000, "step_cents": 100},
    {"below_cents": 10000, "step_cents": 250},
    {"below_cents": 25000, "step_cents": 500},
    {"below_cents": 50000, "step_cents": 1000},
    {"below_cents": 100000, "step_cents": 2500},
    {"below_cents": 250000, "step_cents": 5000},
    {"below_cents": 500000, "step_cents": 10000},
    {"below_cents": null, "step_cents": 25000}
  ]'
),
('snipe_window_s', '300'),
('snipe_extend_s', '300'),
('snipe_max_total_s', '86400'),
('listing_default_days', '7'),
('photo_max', '10'),
('pickup_ttl_h', '48'),
('pickup_max_tries', '5'),
('broadcast_marks_s', '[300, 60, 10]'),
('require_staff_aal2', 'true'),
('kyc_max_attempts', '5'),
('kyc_cooldown_h', '24'),
('queue_retry_base_s', '5'),
('queue_retry_cap_s', '3600'),
('queue_max_attempts', '10'),
('payment_due_hours', '48'),
('reminder_before_h', '12'),
('auto_deliver_days', '14'),
('auto_release_days', '3'),
('strike_ttl_days', '180'),
('strike_block_threshold', '3'),
('filter_warn', '30'),
('filter_mask', '60'),
('filter_hold', '85'),
('filter_join_messages', '10'),
('filter_join_minutes', '30'),
('predecessor_wait_days', '7'),
('handover_due_days', '14'),
('activation_grace_s', '60'),
('outage_gap_s', '30'),
('outage_window_s', '600'),
('outage_extension_min_s', '60'),
('evidence_max', '20'),
('orphan_grace_s', '3600'),
-- RPCs and HTTP routes share one counter. An action has the name of its RPC. A route without an RPC
-- has a name of its own. Uses are counted per user. check_listing and check_dispute count the texts
-- that reach the filter, create_listing and open_dispute what it has let pass.
(
  'rate_limits',
  '{
    "place_bid": {"max": 10, "window_s": 60},
    "raise_maximum": {"max": 100, "window_s": 86400},
    "check_listing": {"max": 20, "window_s": 3600},
    "create_listing": {"max": 5, "window_s": 3600},
    "update_listing": {"max": 30, "window_s": 600},
    "cancel_listing": {"max": 30, "window_s": 600},
    "start_thread": {"max": 10, "window_s": 3600},
    "send_message": {"max": 20, "window_s": 60},
    "report_content": {"max": 10, "window_s": 3600},
    "check_dispute": {"max": 20, "window_s": 3600},
    "open_dispute": {"max": 10, "window_s": 3600},
    "add_dispute_message": {"max": 20, "window_s": 60},
    "get_order": {"max": 60, "window_s": 60},
    "act_on_order": {"max": 20, "window_s": 300},
    "create_intent": {"max": 10, "window_s": 600},
    "confirm_payment": {"max": 20, "window_s": 600},
    "refund_payment": {"max": 10, "window_s": 3600},
    "start_verification": {"max": 5, "window_s": 3600},
    "get_verification": {"max": 30, "window_s": 60},
    "init_pickup": {"max": 10, "window_s": 600},
    "redeem_pickup": {"max": 30, "window_s": 60},
    "save_shipment": {"max": 20, "window_s": 600},
    "add_shipment_event": {"max": 60, "window_s": 600},
    "list_notifications": {"max": 30, "window_s": 60},
    "mark_notifications": {"max": 50, "window_s": 60},
    "upload_file": {"max": 60, "window_s": 60},
    "upload_personal_file": {"max": 20, "window_s": 3600},
    "upload_shared_file": {"max": 120, "window_s": 3600},
    "delete_file": {"max": 30, "window_s": 60},
    "finalize_auctions": {"max": 5, "window_s": 60},
    "call_staff_route": {"max": 120, "window_s": 60},
    "onboard_payouts": {"max": 5, "window_s": 3600},
    "list_payouts": {"max": 30, "window_s": 60},
    "delete_account": {"max": 5, "window_s": 3600}
  }'
);

-- Security: tables.

create table private.rate_limits (
  key text not null,
  window_start timestamptz not null,
  count integer not null,
  constraint rate_limits_pkey primary key (key, window_start),
  constraint rate_limits_count_is_positive check (count > 0)
);
comment on table private.rate_limits is 'Uses of an action under a key, counted in windows of fixed length. Counting stops at the limit.';

create table public.audit_logs (
  id uuid not null default gen_random_uuid(),
  -- There is no foreign key, because an entry outlives the user who did the action.
  actor_id uuid,
  action text not null,
  entity text not null,
  entity_id text,
  description text not null,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now(),
  constraint audit_logs_pkey primary key (id)
);
comment on table public.audit_logs is 'Actions of staff with their reasons, and acts of users that must be provable later. Rows are added and never changed.';

create index audit_logs_entity_idx on public.audit_logs (entity, entity_id, created_at);
-- Staff read the newest entries.
create index audit_logs_created_at_idx on public.audit_logs (created_at desc);

-- Accounts: tables.

create type public.user_role as enum ('buyer', 'seller', 'moderator', 'admin');
comment on type public.user_role is 'The rights of a user. Moderators and admins are staff.';

create type public.kyc_status as enum ('none', 'pending', 'passed', 'failed');
comment on type public.kyc_status is 'The state of a person''s verification by Stripe Identity. A user needs passed to bid or to sell.';

create table public.users (
  id uuid not null,
  email text,
  display_name text not null, -- functions/names.sql sets the default.
  phone text,
  legal_name text,
  dob date,
  address jsonb,
  role public.user_role not null default 'buyer',
  kyc public.kyc_status not null default 'none',
  kyc_details jsonb,
  kyc_completed_at timestamptz,
  suspended_at timestamptz,
  stripe_customer_id text,
  stripe_connect_account_id text,
  payouts_enabled boolean not null default false,
  stripe_identity_session_id text,
  deleted_at timestamptz,
  address_verified boolean not null default false,
  address_verified_at timestamptz,
  address_verification_method text,
  address_normalized jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint users_pkey primary key (id),
  constraint users_id_fkey foreign key (id) references auth.users (id),
  constraint users_stripe_connect_account_id_key unique (stripe_connect_account_id),
  constraint users_stripe_identity_session_id_key unique (stripe_identity_session_id),
  constraint users_display_name_is_short check (char_length(display_name) between 3 and 40),
  constraint users_phone_is_short check (char_length(phone) <= 32),
  constraint users_legal_name_is_short check (char_length(legal_name) <= 200),
  constraint users_address_is_small check (
    jsonb_typeof(address) = 'object'
    and address - array['street', 'suburb', 'postcode', 'state'] = '{}'
    and char_length(address::text) <= 1000
  ),
  constraint users_kyc_details_are_two check (
    jsonb_typeof(kyc_details) = 'object'
    and kyc_details - array['reason_code', 'stripe_status'] = '{}'
  ),
  constraint users_address_verification_method_is_known
  check (address_verification_method in ('identity', 'poa', 'mail'))
);
comment on table public.users is 'Profiles, readable by the person and staff. All our tables refer to users here, never to auth.users.';
comment on column public.users.address is 'The person''s own input: street, suburb, postcode, state.';
comment on column public.users.kyc_details is 'reason_code and stripe_status. Data from the documents is never stored.';
comment on column public.users.address_normalized is 'The normalized address. It is derived from the person''s own input only.';

-- The index is on lower(), since citext compares case-sensitively where the search_path is empty.
create unique index users_email_idx on public.users (lower(email));

create table private.account_deletions (
  user_id uuid not null,
  requested_at timestamptz not null,
  checked_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint account_deletions_pkey primary key (user_id),
  constraint account_deletions_user_id_fkey foreign key (user_id)
  references public.users (id) on delete cascade
);
comment on table private.account_deletions is 'Anonymised accounts whose user at Auth still has to be deleted. A trigger removes the row when Auth has deleted the user.';
comment on column private.account_deletions.checked_at is 'The time at which a process last began to delete the user at Auth.';

create index account_deletions_checked_at_idx on private.account_deletions (checked_at);

-- Requests: tables.

create table private.request_receipts (
  -- There is no foreign key, because the called function itself refuses a caller without a profile.
  caller_id uuid not null,
  client_request_id uuid not null,
  function text not null,
  answer jsonb,
  created_at timestamptz not null default now(),
  arguments_hash uuid,
  constraint request_receipts_pkey primary key (caller_id, client_request_id)
);
comment on table private.request_receipts is 'Answers of calls by client_request_id. A client may repeat a call for 30 days, and its effect happens only once.';
comment on column private.request_receipts.arguments_hash is 'A hash of the arguments of the call. Null where the function compares them itself.';
