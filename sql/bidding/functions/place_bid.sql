create function private.place_bid(
  p_auction_id uuid, p_amount_cents bigint, p_max_cents bigint, p_client_bid_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- Each lock has its own time limit, so that the caller still waits when the answer comes. The value
-- set here or below ends with the function.
set lock_timeout = '200ms'
as $$
declare
  v_bidder_id constant uuid := auth.uid();
  v_standing private.standing;
  v_lock text;
  v_now timestamptz;
  v_answer jsonb;
begin
  -- Look for a receipt before any check: a repeated call gets it, even if the auction has ended
  -- since.
  v_answer := coalesce(
    private.stored_receipt(v_bidder_id, p_client_bid_id, p_auction_id),
    private.use_rate_limit('place_bid', v_bidder_id)
  );
  if v_answer is not null then
    return v_answer;
  end if;

  -- Bidders queue on the advisory lock, because waiting for it costs less than for the row. These
  -- are assignments, because `perform` would start the executor for each.
  v_lock := set_config('lock_timeout', '900ms', true);
  v_lock := pg_advisory_xact_lock(hashtextextended(p_auction_id::text, 0));
  v_lock := set_config('lock_timeout', '200ms', true);
  v_standing := private.locked_standing(p_auction_id, v_bidder_id);
  -- Read the clock after the locks: a bid that waited for them past the end is too late.
  v_now := private.clock();
  v_answer := private.bid_refusal(v_standing, p_amount_cents, p_max_cents, v_now);
  if v_answer is not null then
    return v_answer;
  end if;
  if v_standing.log_rules_hash is distinct from v_standing.rules_hash then
    v_standing := private.continued_standing(v_standing, v_now);
  end if;
  if v_standing.leader_id = v_bidder_id then
    -- Each other bid lifts the price, which has a maximum. A raise lifts nothing that others see, so
    -- without this limit a bid log could become too long to read.
    v_answer := private.use_rate_limit('raise_maximum', v_bidder_id);
    if v_answer is not null then
      return v_answer;
    end if;
    v_answer := private.raise_maximum(v_standing, p_amount_cents, p_max_cents, v_now);
  else
    v_answer := private.record_bid(v_standing, p_amount_cents, p_max_cents, v_now);
  end if;
  if p_client_bid_id is not null then
    insert into private.bid_receipts (bidder_id, client_bid_id, auction_id, receipt)
    values (v_bidder_id, p_client_bid_id, p_auction_id, v_answer);
  end if;
  return v_answer;
exception
  -- This undoes everything in the block, the use of the rate limit too. The block spans locks and
  -- writes on purpose: a row locked in a block and changed after it needs a multixact, which halves
  -- the throughput of 96 bidders.
  when lock_not_available then
    return private.refusal('AUCTION_BUSY', 'Please try again in a moment');
end;
$$;
comment on function private.place_bid is 'Answer a repeated call with its receipt. Otherwise lock the auction, then refuse the bid or record it. If a lock stays busy past its time limit, the call is refused.';
grant execute on function private.place_bid to authenticated;

create function private.locked_standing(p_auction_id uuid, p_bidder_id uuid)
returns private.standing
language plpgsql
set search_path = ''
as $$
declare
  v_standing private.standing;
begin
  select
    id, listing_id, status, start_at, end_at, scheduled_end_at, current_price_cents,
    min_next_bid_cents, high_bid_id, high_bidder_id, bid_count, reserve_met, version
  into
    v_standing.auction_id, v_standing.listing_id, v_standing.status, v_standing.start_at,
    v_standing.end_at, v_standing.scheduled_end_at, v_standing.price_cents,
    v_standing.min_next_bid_cents, v_standing.high_bid_id, v_standing.leader_id,
    v_standing.bid_count, v_standing.reserve_met, v_standing.version
  from public.auctions where id = p_auction_id for no key update;
  -- Use separate statements, because a statement that waits for a row reads other tables as they
  -- were before the wait. It would miss a withdrawal that held the lock. They are several, because
  -- Postgres prepares a statement's columns in each transaction, and those of a join at each step.
  select
    l.seller_id, l.title,
    (
      select suspended_at is not null or deleted_at is not null from public.users
      where id = l.seller_id
    ),
    (select reserve_cents from private.listing_private where listing_id = l.id)
  into
    v_standing.seller_id, v_standing.title, v_standing.seller_is_suspended,
    v_standing.reserve_cents
  from public.listings as l where l.id = v_standing.listing_id;
  -- The lock of the bidder lets a suspension wait for this bid, or this bid for the suspension.
  select
    u.id, u.kyc, u.suspended_at is not null,
    exists (
      select from private.bid_withdrawals
      where auction_id = p_auction_id and bidder_id = p_bidder_id
    ),
    exists (select from public.user_strikes where user_id = p_bidder_id)
  into
    v_standing.bidder_id, v_standing.bidder_kyc, v_standing.bidder_is_suspended,
    v_standing.bidder_is_barred, v_standing.bidder_has_strikes
  from public.users as u where u.id = p_bidder_id and u.deleted_at is null
  for key share of u;
  select max_cents, bidder_number into v_standing.leader_max_cents, v_standing.leader_number
  from private.proxy_bids
  where auction_id = p_auction_id and bidder_id = v_standing.leader_id;
  -- The log has a row for its start and one for each bid, so its last row is above this bound. The
  -- bounds spare reads of older rows. A log that began after the first bid may be below; then
  -- continued_standing reads it.
  select
    log.seq, log.hash, log.bidder_count, log.rules_hash,
    (
      select seq from public.bids
      where
        auction_id = p_auction_id and seq >= coalesce((log.record ->> 'bid_seq')::integer, 0)
      order by seq desc limit 1
    )
  into
    v_standing.log_seq, v_standing.log_hash, v_standing.bidder_count, v_standing.log_rules_hash,
    v_standing.last_seq
  from private.bid_log as log
  where log.auction_id = p_auction_id and log.seq > v_standing.bid_count
  order by log.seq desc limit 1;
  select rules, rules_hash into v_standing.rules, v_standing.rules_hash
  from private.bidding_rules;
  return v_standing;
end;
$$;
comment on function private.locked_standing is 'Lock the rows of an auction and a bidder, and return what decides about a bid on it. The auction_id is null if there is no such auction.';

create function private.record_bid(
  p_standing private.standing, p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_leads constant boolean := p_max_cents > coalesce(p_standing.leader_max_cents, 0);
  v_seq constant integer := coalesce(p_standing.last_seq, 0) + 1;
  v_bid_id constant uuid := gen_random_uuid();
  v_after private.standing := p_standing;
  v_loser_id uuid := p_standing.leader_id;
  v_loser_cents bigint := p_standing.leader_max_cents;
  v_loser_last_cents bigint := p_standing.price_cents;
  v_last_cents bigint := p_amount_cents;
begin
  v_after.price_cents := private.price_after_bid(
    p_standing.leader_max_cents, p_amount_cents, p_max_cents, p_standing.reserve_cents,
    p_standing.rules -> 'bid_increments'
  );
  if v_leads then
    v_after.leader_id := p_standing.bidder_id;
  else
    v_loser_id := p_standing.bidder_id;
    v_loser_cents := p_max_cents;
    v_loser_last_cents := p_amount_cents;
    v_last_cents := p_standing.price_cents;
  end if;
  v_after.high_bid_id := case
    when v_after.price_cents > v_last_cents then gen_random_uuid() else v_bid_id
  end;
  -- Write the bid as sent. Then write an automatic bid for the loser, up to the maximum, and one
  -- for the leader at the price. Each is written only if it is above the bidder's last bid.
  insert into public.bids (id, auction_id, bidder_id, amount_cents, is_proxy, placed_at, seq)
  select
    level.id, p_standing.auction_id, level.bidder_id, level.cents, level.is_proxy, p_now, level.seq
  from (
    values
    (v_bid_id, p_standing.bidder_id, p_amount_cents, 0, false, v_seq),
    (gen_random_uuid(), v_loser_id, v_loser_cents, v_loser_last_cents, true, v_seq + 1),
    (
      v_after.high_bid_id, v_after.leader_id, v_after.price_cents, v_last_cents, true,
      v_seq + 1 + coalesce(v_loser_cents > v_loser_last_cents, false)::integer
    )
  ) as level (id, bidder_id, cents, last_cents, is_proxy, seq)
  where level.cents > level.last_cents;

  insert into private.proxy_bids (auction_id, bidder_id, max_cents, max_set_at, bidder_number)
  values (
    p_standing.auction_id, p_standing.bidder_id, p_max_cents, p_now, p_standing.bidder_count + 1
  )
  on conflict (auction_id, bidder_id) do update
  set max_cents = excluded.max_cents, max_set_at = excluded.max_set_at
  returning bidder_number into v_after.bidder_number;

  v_after.bid_count := p_standing.bid_count + 1;
  return private.finish_bid(
    p_standing, v_after, v_bid_id, v_seq, p_amount_cents, p_max_cents, p_now
  );
end;
$$;
comment on function private.record_bid is 'Write an accepted bid, set price and leader, and return the receipt. Of two equal maxima the earlier leads. The caller holds the locks.';

create function private.raise_maximum(
  p_standing private.standing, p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_after private.standing := p_standing;
  v_seq integer;
begin
  v_after.bidder_number := p_standing.leader_number;
  update private.proxy_bids set max_cents = p_max_cents, max_set_at = p_now
  where auction_id = p_standing.auction_id and bidder_id = p_standing.bidder_id;
  -- A raised maximum changes nothing that rivals see, unless it reaches the reserve. Then the price
  -- rises to the reserve.
  if not p_standing.reserve_met and p_max_cents >= p_standing.reserve_cents then
    v_after.price_cents := p_standing.reserve_cents;
    insert into public.bids (auction_id, bidder_id, amount_cents, is_proxy, placed_at, seq)
    values (
      p_standing.auction_id, p_standing.bidder_id, p_standing.reserve_cents, true, p_now,
      p_standing.last_seq + 1
    )
    returning id into v_after.high_bid_id;
  end if;
  select seq into v_seq from public.bids where id = v_after.high_bid_id;
  return private.finish_bid(
    p_standing, v_after, v_after.high_bid_id, v_seq, p_amount_cents, p_max_cents, p_now
  );
end;
$$;
comment on function private.raise_maximum is 'Raise the leader''s own maximum and change nothing else, unless the maximum reaches the reserve.';

create function private.finish_bid(
  p_before private.standing, p_after private.standing, p_bid_id uuid, p_seq integer,
  p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_leader_changes constant boolean := coalesce(p_before.leader_id <> p_after.leader_id, false);
  -- This is the form of private.random_salt, whose call would cost more.
  v_salt constant text := encode(extensions.gen_random_bytes(16), 'hex');
begin
  -- Without a new high bid, the leader only raised their own maximum. Rivals see no change.
  if p_after.high_bid_id is distinct from p_before.high_bid_id then
    p_after.min_next_bid_cents := p_after.price_cents
      + private.step_cents(p_after.price_cents, p_before.rules -> 'bid_increments');
    -- A listing without a reserve counts as met from the start, so keep the old value if it is
    -- true.
    p_after.reserve_met := p_before.reserve_met
      or coalesce(p_after.price_cents >= p_before.reserve_cents, false);
    p_after.end_at := private.extended_end(
      p_before.end_at, p_before.scheduled_end_at, p_now, p_before.rules
    );
    p_after.version := p_before.version + 1;
    update public.auctions
    set
      current_price_cents = p_after.price_cents,
      min_next_bid_cents = p_after.min_next_bid_cents,
      high_bid_id = p_after.high_bid_id,
      high_bidder_id = p_after.leader_id,
      bid_count = p_after.bid_count,
      reserve_met = p_after.reserve_met,
      end_at = p_after.end_at,
      extension_count = extension_count + (p_after.end_at > end_at)::integer,
      version = p_after.version,
      updated_at = p_now
    where id = p_before.auction_id;
    update public.listings
    set
      current_bid_cents = p_after.price_cents,
      bid_count = p_after.bid_count,
      end_at = p_after.end_at,
      updated_at = p_now
    where id = p_before.listing_id;
  end if;
  if v_leader_changes then
    -- Use a plain insert, because private.notify costs more and offers nothing that this
    -- notification needs.
    insert into public.notifications (user_id, type, title, created_at, message, metadata)
    values (
      p_before.leader_id, 'outbid', 'You have been outbid', p_now,
      p_before.title || ' is at ' || private.dollars(p_after.price_cents) || ' now.',
      jsonb_build_object(
        'auction_id', p_before.auction_id,
        'listing_id', p_before.listing_id,
        'current_price_cents', p_after.price_cents
      )
    );
  end if;
  -- jsonb keeps its keys by length and then by name. Keys in this order need no sorting.
  return jsonb_build_object(
    'seq', p_seq,
    'hash', private.log_bid(
      p_before, p_after, p_seq, p_amount_cents, p_max_cents, v_salt, p_now
    ),
    'salt', v_salt,
    'bid_id', p_bid_id,
    'end_at', p_after.end_at,
    'success', true,
    'version', p_after.version,
    'idempotent', false,
    'is_leading', p_after.leader_id = p_before.bidder_id,
    'new_end_at', p_after.end_at,
    'received_at', p_now,
    'reserve_met', p_after.reserve_met,
    'server_time', p_now,
    'amount_cents', p_amount_cents,
    'is_proxy_bid', p_max_cents > p_amount_cents,
    'time_left_ms', floor(extract(epoch from p_before.end_at - p_now) * 1000)::bigint,
    'outbid_previous', v_leader_changes,
    'extension_seconds', extract(epoch from p_after.end_at - p_before.end_at),
    'min_next_bid_cents', p_after.min_next_bid_cents,
    'previous_bidder_id', p_before.leader_id,
    'current_price_cents', p_after.price_cents,
    'previous_amount_cents',
    case when p_before.leader_id is not null then p_before.price_cents end
  );
end;
$$;
comment on function private.finish_bid is 'Write price and leader to the auction and its listing, with a later end where the soft close moves it. Notify the bidder who led before. Return the receipt: received_at and time_left_ms are from the time at which the bid held the lock.';
