-- The rows of one sale for the access matrix: `{name}` is the id of the row that the matrix names, and
-- `{suffix}` tells this sale from the others.
insert into public.listings (
  id, seller_id, title, description, category_id, condition, location, pickup, shipping,
  start_cents, start_at, end_at, status
)
select
  row.id, {seller}, 'A teapot of enamel{suffix}', 'It pours well, and has a chip at its foot.', 5,
  'good', '{{"suburb": "Carlton", "postcode": "3053", "state": "VIC"}}', true, true, 1000,
  now() + row.starts_in, now() + row.starts_in + interval '1 day', row.status
from (values
  ({scheduled}, interval '1 hour', 'scheduled'::public.listing_status),
  ({live}, interval '-1 hour', 'live'),
  ({sold}, interval '-2 days', 'ended'),
  ({paid}, interval '-2 days', 'ended'),
  ({unsold}, interval '-2 days', 'ended'),
  ({cancelled}, interval '-2 days', 'cancelled')
) as row (id, starts_in, status);
insert into private.listing_private (listing_id, reserve_cents, street)
select id, 1500, '1 Loop Road{suffix}' from public.listings where seller_id = {seller};
insert into public.listing_photos (
  id, listing_id, url, path, file_size, mime_type, width, height
) values
({photo_live}, {live}, 'https://photos.test/1.jpg', '1{suffix}.jpg', 1000, 'image/jpeg', 100, 100),
({photo_unsold}, {unsold}, 'https://photos.test/3.jpg', '3{suffix}.jpg', 1000, 'image/jpeg', 100, 100),
({photo_cancelled}, {cancelled}, 'https://photos.test/2.jpg', '2{suffix}.jpg', 1000, 'image/jpeg', 100, 100);

insert into public.auctions (
  id, listing_id, status, start_at, end_at, scheduled_end_at, current_price_cents,
  min_next_bid_cents, reserve_met
)
select
  row.id, l.id, row.status, l.start_at, l.end_at, l.end_at, 1000, 1100, true
from (values
  ({scheduled_auction}, {scheduled}, 'scheduled'::public.auction_status),
  ({live_auction}, {live}, 'live'),
  ({sold_auction}, {sold}, 'finalized'),
  ({paid_auction}, {paid}, 'finalized'),
  ({unsold_auction}, {unsold}, 'no_sale'),
  ({cancelled_auction}, {cancelled}, 'cancelled')
) as row (id, listing_id, status)
join public.listings as l on l.id = row.listing_id;

insert into public.bids (id, auction_id, bidder_id, amount_cents, placed_at, seq) values
({live_bid}, {live_auction}, {bidder}, 1000, now(), 1),
({lost_bid}, {sold_auction}, {bidder}, 1000, now(), 1),
({sold_bid}, {sold_auction}, {buyer}, 2000, now(), 2),
({paid_bid}, {paid_auction}, {buyer}, 2000, now(), 1),
({cancelled_bid}, {cancelled_auction}, {bidder}, 1000, now(), 1);
insert into private.proxy_bids (auction_id, bidder_id, max_cents, max_set_at) values
({live_auction}, {bidder}, 1000, now());
update public.auctions
set high_bid_id = {live_bid}, high_bidder_id = {bidder}, bid_count = 1, version = 2
where id = {live_auction};

insert into public.orders (
  id, listing_id, auction_id, winning_bid_id, buyer_id, seller_id, amount_cents,
  platform_fee_cents, seller_amount_cents, platform_fee_bps, payment_due_at,
  stripe_payment_intent_id, paid_at
) values
(
  {order}, {sold}, {sold_auction}, {sold_bid}, {buyer}, {seller}, 2000, 100, 1900, 500, now(),
  'pi_matrix{suffix}', now()
),
(
  {paid_order}, {paid}, {paid_auction}, {paid_bid}, {buyer}, {seller}, 2000, 100, 1900, 500, now(),
  'pi_paid{suffix}', now()
);
select set_config('market.order_in_transition', {order}::text, true);
update public.orders set state = 'disputed', state_before_dispute = 'paid' where id = {order};
select set_config('market.order_in_transition', {paid_order}::text, true);
update public.orders set state = 'paid' where id = {paid_order};
select set_config('market.order_in_transition', '', true);
insert into public.order_events (id, order_id, to_state, actor_kind)
overriding system value values ({order_event}, {order}, 'pending_payment', 'system');

insert into public.payments (
  id, order_id, stripe_payment_intent_id, stripe_charge_id, status, amount_cents, currency,
  settles_order
) values
({payment}, {order}, 'pi_matrix{suffix}', 'ch_matrix{suffix}', 'captured', 2000, 'aud', true),
({other_payment}, {paid_order}, 'pi_paid{suffix}', 'ch_paid{suffix}', 'captured', 2000, 'aud', true);
insert into public.refunds (id, order_id, payment_id, amount_cents, status, target_state) values
({refund}, {order}, {payment}, 100, 'failed', 'none');
insert into public.payouts (id, order_id, seller_id, amount_cents, status) values
({payout}, {order}, {seller}, 1900, 'canceled');
insert into public.ledger_entries (
  id, txn_id, order_id, user_id, account, entry_type, amount_cents, currency, description, fact
) values
({line_of_buyer}, {txn}, {order}, {buyer}, 'buyer', 'CAPTURE', -2000, 'aud', 'Paid', 'a'),
({line_of_seller}, {txn}, {order}, {seller}, 'seller_payable', 'CAPTURE', 500, 'aud', 'Paid', 'a'),
({line_of_nobody}, {txn}, {order}, null, 'stripe_clearing', 'CAPTURE', 1500, 'aud', 'Paid', 'a');

insert into public.shipments (id, order_id, carrier, tracking) values
({shipment}, {order}, 'Post', 'AP123');
insert into public.shipment_events (id, shipment_id, status, event_time) values
({shipment_event}, {shipment}, 'accepted', now());

insert into public.disputes (
  id, order_id, initiator_id, respondent_id, dispute_type, reason, amount_cents, currency
) values ({dispute}, {order}, {buyer}, {seller}, 'other', 'It is late', 2000, 'aud');
insert into public.dispute_messages (id, dispute_id, sender_id, content, is_internal) values
({open_message}, {dispute}, {buyer}, 'It is late', false),
({internal_message}, {dispute}, {admin}, 'Ask the carrier', true);
insert into public.dispute_evidence (id, dispute_id, user_id, evidence_type, title) values
({evidence}, {dispute}, {buyer}, 'photo', 'The box');

insert into public.message_threads (
  id, listing_id, order_id, buyer_id, seller_id, subject, is_visible_to_seller
) values
({thread}, {sold}, {order}, {buyer}, {seller}, 'A teapot', true),
({other_thread}, {paid}, {paid_order}, {buyer}, {seller}, 'A teapot', true),
({held_thread}, {scheduled}, null, {bidder}, {seller}, 'A teapot', false);
insert into public.messages (
  id, thread_id, sender_id, client_message_id, content, action, rule_version, delivery
) values
({delivered_by_seller}, {thread}, {seller}, {delivered_by_seller}, 'Hello', 'allow', 1, 'delivered'),
({other_by_buyer}, {other_thread}, {buyer}, {other_by_buyer}, 'Hello', 'allow', 1, 'delivered'),
({other_by_seller}, {other_thread}, {seller}, {other_by_seller}, 'Hello', 'allow', 1, 'delivered'),
({held_by_buyer}, {thread}, {buyer}, {held_by_buyer}, 'Hello', 'hold', 1, 'held'),
({rejected_by_buyer}, {thread}, {buyer}, {rejected_by_buyer}, 'Hello', 'hold', 1, 'rejected'),
({held_by_bidder}, {held_thread}, {bidder}, {held_by_bidder}, 'Hello', 'hold', 1, 'held');
insert into private.message_originals (message_id, original, risk_score, findings, rule_version)
select id, 'Call me', 90, '[]', 1 from public.messages
where id in ({held_by_buyer}, {held_by_bidder});

insert into public.user_strikes (id, user_id, order_id, reason, expires_at) values
({strike_of_buyer}, {buyer}, {order}, 'unpaid', now() + interval '1 day');
insert into public.content_reports (id, reporter_id, listing_id, reason, created_at) values
({report_of_bidder}, {bidder}, {live}, 'It looks like a scam', now()),
({report_of_buyer}, {buyer}, {cancelled}, 'It looks like a scam', now());

insert into storage.objects (id, bucket_id, name) values
({photo_object_live}, 'listing-photos', {live} || '/0.jpg'),
({photo_object_cancelled}, 'listing-photos', {cancelled} || '/0.jpg'),
({evidence_object}, 'evidence-uploads', {dispute} || '/box.jpg'),
({avatar_of_buyer}, 'profile-avatars', {buyer} || '/avatar.jpg'),
({proof_of_buyer}, 'address-proofs', {buyer} || '/poa.pdf');
