-- Secrets that no reader selects. `{side}` differs between the two databases.
update private.listing_private set street = 'zq{side}999', reserve_cents = {reserve};
update private.proxy_bids set max_cents = {maximum};
update private.message_originals
set original = 'zq{side}999', findings = '[{{"rule": "zq{side}999"}}]';
insert into private.pickups (order_id, code_hmac, qr_token_hmac, expires_at)
values ({paid_order}, repeat('c0ffee{side}0', 8), repeat('c0ffee{side}1', 8), '2030-01-01');
insert into private.kyc_sessions (user_id, status, stripe_session_id)
values ({buyer}, 'processing', 'vs_zq{side}999');
insert into private.order_addresses (order_id, delivery_address)
values ({paid_order}, '{{"street": "zq{side}999"}}');
insert into private.request_receipts (caller_id, client_request_id, function, answer)
values ({buyer}, {order}, 'open_dispute', '{{"error": "zq{side}999"}}');
insert into private.bid_receipts (bidder_id, client_bid_id, auction_id, receipt)
values ({bidder}, {order}, {live_auction}, '{{"max_proxy_cents": {maximum}}}');
insert into private.bid_log (auction_id, seq, kind, record, hash, bidder_count, rules_hash)
values (
  {live_auction}, 1, 'start', '{{"salt": "zq{side}999"}}', decode(repeat('00', 32), 'hex'), 0, 0
);
update auth.users
set encrypted_password = 'zq{side}999', raw_user_meta_data = '{{"display_name": "zq{side}999"}}';
