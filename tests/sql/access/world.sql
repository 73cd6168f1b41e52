-- The rows of the access matrix that belong to no sale. `{name}` is the id of the row that the matrix names.
-- A second bidder in the live auction, who is on the staff.
insert into public.bids (id, auction_id, bidder_id, amount_cents, placed_at, seq) values
({second_bid}, {live_auction}, {staff_buyer}, 1000, now(), 2);
insert into private.proxy_bids (auction_id, bidder_id, max_cents, max_set_at) values
({live_auction}, {staff_buyer}, 1000, now());

insert into public.content_reports (id, reporter_id, user_id, reason, created_at) values
({report_about_moderator}, {bidder}, {moderator}, 'Rude in a dispute', now());
insert into public.audit_logs (id, actor_id, action, entity, entity_id, description) values
({audit}, {admin}, 'suspend', 'user', null, 'A reason'),
({audit_about_moderator}, {admin}, 'role_set', 'users', {moderator}, 'A reason');
insert into public.metrics (id, metric_type, metric_name, value, recorded_at) values
({metric}, 'gauge', 'held_messages', 3, now());

insert into public.webhook_events (
  event_id, source, type, livemode, payload, payload_sha256, status, attempts, created_at,
  received_at
)
select
  event_id, 'stripe', 'payout.paid', false, '{{}}', repeat('0', 64), 'dead', 10, now(), now()
from unnest(array['evt_matrix', 'evt_other']) as event_id;
insert into public.outbox (
  id, kind, payload, dedupe_key, status, attempts, next_attempt_at
) values
({job}, 'refund', '{{}}', 'matrix', 'dead', 10, now()),
({other_job}, 'refund', '{{}}', 'other', 'dead', 10, now());
