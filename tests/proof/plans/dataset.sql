-- Fills a database in seconds. The session has triggers and foreign keys off, so every row here must
-- be consistent by itself. A listing has the number n, and so has all that belongs to it.
create schema plans;
create function plans.listings() returns integer
language sql immutable as $$ select current_setting('plans.listings')::integer $$;
create function plans.id(p_kind text, p_number integer) returns uuid
language sql immutable as $$ select md5(p_kind || ':' || p_number)::uuid $$;
-- A number below p_count that looks random, and is the same in each run.
create function plans.any_of(n integer, p_count integer, p_salt bigint) returns integer
language sql immutable
as $$ select (abs(hashint4extended(n, p_salt)) % p_count)::integer $$;
-- User 1 sells one listing in a hundred; the other sellers share the rest.
create function plans.seller(n integer) returns uuid
language sql stable as $$
  select plans.id('user', case when n % 100 = 11 then 1 else 2 + n % (plans.listings() / 50) end)
$$;
-- User 0 bids on one listing in fifty and wins one in two hundred and fifty; the others share the
-- rest.
create function plans.bidder(n integer, p_seq integer, p_count integer) returns uuid
language sql stable as $$
  select plans.id('user', case
    when n % 500 in (3, 11) and p_seq = p_count or n % 50 = 4 and p_seq = 1 then 0
    else 10 + plans.listings() / 50 + (n * 31 + p_seq * 7919) % (plans.listings() / 6)
  end)
$$;

insert into auth.users (id, email, aud, role)
select plans.id('user', n), 'user' || n || '@example.test', 'authenticated', 'authenticated'
from generate_series(0, plans.listings() / 5) as n;

insert into public.users (id, email, display_name, legal_name, role, kyc)
select
  plans.id('user', n), 'user' || n || '@example.test', 'member-' || n, 'Person ' || n,
  case
    when n = 9 + plans.listings() / 50 then 'admin'
    when n between 1 and 8 + plans.listings() / 50 then 'seller'
    else 'buyer'
  end::public.user_role,
  'passed'
from generate_series(0, plans.listings() / 5) as n;

-- 8 % are live, 1 % scheduled, 1 % cancelled and the rest ended, a few each hour of two years.
create table plans.numbers as
select
  n,
  plans.id('listing', n) as listing_id,
  plans.id('auction', n) as auction_id,
  case when n % 100 < 8 then 'live' when n % 100 = 8 then 'scheduled'
    when n % 100 = 9 then 'cancelled' else 'ended' end::public.listing_status as status,
  -- One live auction is hot.
  case when n = 100 then 10000 when n % 100 in (8, 9) then 0 else n % 9 end as bid_count,
  case
    when n % 100 < 8 then now() - (n % 160) * interval '1 hour'
    when n % 100 = 8 then now() + (n % 160 + 1) * interval '1 hour'
    else now() - interval '8 days' - (n::float8 / plans.listings()) * interval '700 days'
  end as start_at
from generate_series(1, plans.listings()) as n;
alter table plans.numbers add primary key (n);
analyze plans.numbers;

insert into public.listings (
  id, seller_id, title, description, category_id, condition, location, pickup, shipping,
  start_cents, start_at, end_at, status, current_bid_cents, bid_count, created_at
)
select
  listing_id, plans.seller(n),
  (array['Camera', 'Teapot', 'Bicycle', 'Jacket', 'Novel', 'Lamp', 'Guitar'])[
    1 + plans.any_of(n, 7, 1)
  ]
  || ' number ' || n,
  repeat('Used with care and kept in a dry place. Pick it up on any evening. ', 5)
  || 'The serial number is ' || md5(n::text) || '.',
  1 + plans.any_of(n, 7, 1),
  (array['new', 'like_new', 'good', 'fair', 'parts'])[
    1 + plans.any_of(n, 5, 2)
  ]::public.item_condition,
  jsonb_build_object('suburb', 'Fitzroy', 'postcode', '3065', 'state',
    (array['NSW', 'VIC', 'QLD', 'WA', 'SA', 'TAS', 'ACT', 'NT'])[
      1 + plans.any_of(n, 8, 3)
    ]),
  true, true, 100 + plans.any_of(n, 100000, 4), start_at, start_at + interval '7 days', status,
  case when bid_count > 0 then 100 + plans.any_of(n, 100000, 4) + bid_count * 100 end, bid_count,
  start_at - interval '1 hour'
from plans.numbers;

insert into private.listing_texts (listing_id, folded_text)
select id, lower(title || e'\n' || description) from public.listings;

insert into private.listing_private (listing_id, street)
select listing_id, n || ' Smith Street' from plans.numbers;

insert into public.listing_photos (
  listing_id, url, path, order_idx, perceptual_hash, file_size, mime_type, width, height
)
select
  listing_id, 'https://photos.test/' || listing_id || photo,
  listing_id || '/' || photo || '_' || md5(n || '.' || photo) || '.jpg', photo,
  md5(n || '/' || photo) || md5(photo || '/' || n), 100000, 'image/jpeg', 1920, 1080
from plans.numbers, generate_series(0, 1) as photo;

insert into public.auctions (
  id, listing_id, status, start_at, end_at, scheduled_end_at, current_price_cents,
  min_next_bid_cents, high_bid_id, high_bidder_id, bid_count, reserve_met, version, created_at
)
select
  auction_id, listing_id,
  case when status <> 'ended' then status::text when bid_count > 0 then 'finalized'
    else 'no_sale' end::public.auction_status,
  start_at, start_at + interval '7 days', start_at + interval '7 days',
  100 + plans.any_of(n, 100000, 4) + bid_count * 100, 200 + plans.any_of(n, 100000, 4) + bid_count * 100,
  case when bid_count > 0 then md5('bid:' || n || ':' || bid_count)::uuid end,
  case when bid_count > 0 then plans.bidder(n, bid_count, bid_count) end,
  bid_count, true, 1 + bid_count, start_at
from plans.numbers;

insert into public.bids (id, auction_id, bidder_id, amount_cents, placed_at, seq)
select
  md5('bid:' || n || ':' || seq)::uuid, auction_id, plans.bidder(n, seq, bid_count),
  100 + plans.any_of(n, 100000, 4) + seq * 100, start_at + seq * interval '1 minute', seq
from plans.numbers, generate_series(1, bid_count) as seq;

insert into private.proxy_bids (auction_id, bidder_id, max_cents, max_set_at)
select auction_id, bidder_id, max(amount_cents), max(placed_at) from public.bids group by 1, 2;

insert into private.bid_log (
  auction_id, seq, kind, record, hash, previous_hash, bidder_count, rules_hash
)
select
  auction_id, seq, case when seq = 1 then 'start' else 'bid' end, jsonb_build_object('seq', seq),
  sha256(('h' || n || seq)::bytea),
  case when seq > 1 then sha256(('h' || n || seq - 1)::bytea) end, 1, 1
from plans.numbers, generate_series(1, bid_count + 1) as seq
where n % 20 = 11;

create table plans.sales as
select
  n, listing_id, auction_id, md5('order:' || auction_id)::uuid as order_id,
  plans.seller(n) as seller_id, plans.bidder(n, bid_count, bid_count) as buyer_id,
  md5('bid:' || n || ':' || bid_count)::uuid as bid_id,
  100 + plans.any_of(n, 100000, 4) + bid_count * 100 as cents, start_at + interval '7 days' as sold_at,
  case
    when n / 7 % 100 < 85 then 'released' when n / 7 % 100 < 87 then 'pending_payment'
    when n / 7 % 100 < 90 then 'paid' when n / 7 % 100 < 91 then 'ready_for_handover'
    when n / 7 % 100 < 94 then 'shipped' when n / 7 % 100 < 96 then 'delivered'
    when n / 7 % 100 < 98 then 'cancelled' when n / 7 % 100 < 99 then 'refunded'
    else 'disputed'
  end::public.order_state as state
from plans.numbers where status = 'ended' and bid_count > 0;

insert into public.orders (
  id, listing_id, auction_id, winning_bid_id, buyer_id, seller_id, amount_cents,
  platform_fee_cents, seller_amount_cents, platform_fee_bps, state, state_before_dispute,
  stripe_payment_intent_id, payment_due_at, paid_at, shipped_at, delivered_at, created_at
)
select
  order_id, listing_id, auction_id, bid_id, buyer_id, seller_id, cents, 0, cents, 0, state,
  case when state = 'disputed' then 'shipped'::public.order_state end, 'pi_' || n,
  sold_at + interval '2 days',
  case when state not in ('pending_payment', 'cancelled') then sold_at + interval '1 hour' end,
  case when state in ('shipped', 'delivered', 'released') then sold_at + interval '1 day' end,
  case when state in ('delivered', 'released') then sold_at + interval '3 days' end, sold_at
from plans.sales;

insert into public.order_events (order_id, to_state, actor_kind, created_at)
select order_id, state, 'system', sold_at from plans.sales;

insert into public.payments (
  order_id, stripe_payment_intent_id, stripe_charge_id, status, amount_cents, currency,
  settles_order
)
select order_id, 'pi_' || n, 'ch_' || n, 'captured', cents, 'aud', true
from plans.sales where state <> 'pending_payment';

insert into public.payouts (order_id, seller_id, stripe_transfer_id, amount_cents, status)
select order_id, seller_id, 'tr_' || n, cents, 'paid' from plans.sales where state = 'released';

insert into public.shipments (id, order_id, carrier, tracking)
select plans.id('shipment', n), order_id, 'Post', 'AP' || n
from plans.sales where state in ('shipped', 'delivered', 'released');
insert into public.shipment_events (shipment_id, status, event_time)
select s.id, 'accepted', s.created_at from public.shipments as s, generate_series(1, 2);

insert into public.refunds (
  order_id, payment_id, stripe_refund_id, idempotency_key, amount_cents, status, target_state
)
select p.order_id, p.id, 're_' || s.n, 'refund-' || s.n, s.cents, 'succeeded', 'refunded'
from plans.sales as s join public.payments as p on p.order_id = s.order_id
where s.state = 'refunded';

insert into public.user_strikes (user_id, order_id, reason, expires_at, created_at)
select buyer_id, order_id, 'unpaid', sold_at + interval '182 days', sold_at + interval '2 days'
from plans.sales where state = 'cancelled' or buyer_id = plans.id('user', 0);

-- The seller's lines of one release in four.
insert into public.ledger_entries (
  txn_id, order_id, user_id, account, entry_type, amount_cents, currency, description, fact,
  created_at
)
select
  md5('release:' || n)::uuid, order_id, line.user_id, line.account, 'RELEASE',
  line.sign * cents, 'aud', 'Release', 'release:' || order_id, sold_at + interval '6 days'
from plans.sales, lateral (
  values (buyer_id, 'buyer'::public.ledger_account, 1), (seller_id, 'seller_payable', -1)
) as line (user_id, account, sign)
where state = 'released' and n % 4 = 3;

-- Thirty days of figures, in rows of one time every five minutes.
insert into public.metrics (metric_type, metric_name, value, recorded_at)
select 'gauge', 'figure_' || figure, figure, clock_timestamp() - n * interval '5 minutes'
from generate_series(0, 8639) as n, generate_series(1, 15) as figure;

insert into public.audit_logs (actor_id, action, entity, entity_id, description, created_at)
select
  plans.id('user', 9 + plans.listings() / 50), 'message_read', 'order', order_id, 'A report',
  sold_at
from plans.sales where n % 8 = 3;

insert into public.disputes (
  id, status, state, order_id, initiator_id, respondent_id, dispute_type, reason, amount_cents,
  currency, created_at
)
select
  plans.id('dispute', n),
  case when n % 10 = 3 then 'open' else 'closed' end::public.dispute_status,
  case when n % 10 = 3 then 'open' else 'resolved' end::public.dispute_state, order_id, buyer_id, seller_id, 'other', 'It is late', cents, 'aud',
  sold_at + interval '4 days'
from plans.sales where state = 'disputed';
insert into public.dispute_messages (dispute_id, sender_id, content, is_internal)
select d.id, d.initiator_id, 'It is late', k = 3 from public.disputes as d,
  generate_series(1, 3) as k;
insert into public.dispute_evidence (dispute_id, user_id, evidence_type, title)
select id, initiator_id, 'photo', 'The box' from public.disputes;

-- Each order has its thread, and one thread in four has messages. One thread has many.
insert into public.message_threads (
  id, listing_id, order_id, buyer_id, seller_id, subject, last_message_at
)
select plans.id('thread', n), listing_id, order_id, buyer_id, seller_id, 'About it', sold_at
from plans.sales;
insert into public.messages (
  thread_id, sender_id, client_message_id, content, action, rule_version, delivery, created_at,
  read_at, recipient_id
)
select
  plans.id('thread', n), case when k % 2 = 0 then buyer_id else seller_id end, gen_random_uuid(),
  'Is it still there? ' || k, 'allow', 1,
  case when k = 2 and n % 200 = 111 then 'held' else 'delivered' end::public.message_delivery, sold_at + k * interval '1 minute',
  case when k < 4 then sold_at + interval '1 hour' end,
  case when k % 2 = 0 then seller_id else buyer_id end
from plans.sales, generate_series(1, case when n = 511 then 1000 else 4 end) as k
where n % 4 = 3;

-- Users report one listing in a thousand.
insert into public.content_reports (reporter_id, listing_id, reason, created_at)
select plans.id('user', 0), listing_id, 'It looks like a scam', start_at
from plans.numbers where n % 1000 = 11;

-- Ten for each user; user 0, who bids much, has more.
insert into public.notifications (user_id, type, title, message, read, created_at)
select
  plans.id('user', n), 'outbid', 'Somebody bid more', 'Bid again', k % 4 <> 0,
  now() - k * interval '1 hour'
from generate_series(0, plans.listings() / 5) as n,
  generate_series(1, case when n = 0 then plans.listings() / 125 else 10 end) as k;
