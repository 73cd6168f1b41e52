create table private.app_settings (
  key text not null, -- noqa: RF04
  value jsonb not null, -- noqa: RF04
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
