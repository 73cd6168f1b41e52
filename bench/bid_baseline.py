"""The baseline of a bid: one function that writes the same rows without a check or a lock."""

import psycopg


#: The rows of an accepted bid that outbids a proxy: the bid, an automatic bid for each side, the
#: maximum, auction and listing, the notification, the rate limit's counter, the row of the bid log
#: and the receipt.
BASELINE_BID = """
  create function public.bench_baseline_bid(
    auction_id uuid, bidder_id uuid, rival_id uuid, amount_cents bigint, number integer,
    client_bid_id uuid
  )
  returns jsonb language plpgsql security definer set search_path = '' as $$
  #variable_conflict use_variable
  declare
    v_now constant timestamptz := clock_timestamp();
    v_bid_id constant uuid := gen_random_uuid();
    v_auction public.auctions;
  begin
    insert into public.bids (id, auction_id, bidder_id, amount_cents, is_proxy, placed_at, seq)
    values
      (gen_random_uuid(), auction_id, bidder_id, amount_cents - 2, false, v_now,
        number * 3 - 2),
      (gen_random_uuid(), auction_id, rival_id, amount_cents - 1, true, v_now,
        number * 3 - 1),
      (v_bid_id, auction_id, bidder_id, amount_cents, true, v_now, number * 3);
    update public.auctions as a
    set current_price_cents = amount_cents, min_next_bid_cents = amount_cents + 1,
      high_bid_id = v_bid_id, high_bidder_id = bidder_id, bid_count = a.bid_count + 1,
      version = a.version + 1, updated_at = v_now
    where a.id = auction_id returning * into v_auction;
    insert into private.proxy_bids as p
      (auction_id, bidder_id, max_cents, max_set_at, bidder_number)
    values (auction_id, bidder_id, amount_cents + 1, v_now, 1)
    on conflict on constraint proxy_bids_pkey
    do update set max_cents = excluded.max_cents, max_set_at = excluded.max_set_at;
    update public.listings as l
    set current_bid_cents = amount_cents, bid_count = l.bid_count + 1, updated_at = v_now
    where l.id = v_auction.listing_id;
    insert into public.notifications (user_id, type, title, message, metadata)
    values (rival_id, 'outbid', 'You have been outbid',
      'A thing to bid for is at $100.00 now.',
      jsonb_build_object('auction_id', auction_id, 'listing_id', v_auction.listing_id,
        'current_price_cents', amount_cents));
    insert into private.rate_limits as r (key, window_start, count)
    values ('bench:' || bidder_id, date_trunc('minute', v_now), 1)
    on conflict on constraint rate_limits_pkey do update set count = r.count + 1;
    insert into private.bid_log (auction_id, seq, kind, record, commitment, hash, previous_hash,
      sealed_cents, salt, bidder_number, bidder_count, rules_hash, created_at)
    values (auction_id, number + 1, 'bid',
      '{"amount_cents": 100, "at": "2026-01-01T00:00:00.000000Z", "bid_seq": 1, "bidder": 1,
        "end_at": "2026-01-01T00:00:00.000000Z", "leader": 1, "price_cents": 100,
        "reserve": "none"}',
      decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'),
      decode(repeat('00', 32), 'hex'), amount_cents + 1, decode(repeat('00', 16), 'hex'), 1, 2, 0,
      v_now);
    insert into private.bid_receipts (bidder_id, client_bid_id, auction_id, receipt)
    values (bidder_id, client_bid_id, auction_id, to_jsonb(v_auction));
    return to_jsonb(v_auction);
  end $$;
  grant execute on function public.bench_baseline_bid to authenticated;
"""


def install(database_url: str) -> None:
    """Create the function in the bench's database."""
    with psycopg.connect(database_url) as owner:
        owner.execute(BASELINE_BID)
