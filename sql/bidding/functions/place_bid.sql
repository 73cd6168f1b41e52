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
    private.use_rate_limit('place_bid')
  );
  if v_answer is not null then
    return v_answer;
  end if;

  -- Bidders queue on the advisory lock, because waiting for it costs less than for the row. These
  -- are assignments, because `perform` would start the executor for each.
  v_lock := set_config('lock_timeout', '900ms', true);
  v_lock := pg_advisory_xact_lock(hashtextextended(p_auction_id::text, 0));
  v_lock := set_config('lock_timeout', '200ms', true);
  -- The lock of the bidder lets a suspension wait for this bid, or this bid for the suspension.
  perform from public.auctions as a cross join public.users as u
  where a.id = p_auction_id and u.id = v_bidder_id
  for no key update of a
  for key share of u;
  -- Read the clock after the locks: a bid that waited for them past the end is too late.
  v_now := private.clock();
  -- Use a separate statement, because a statement that waits for a row reads other tables as they
  -- were before the wait. It would miss a withdrawal that held the lock.
  select
    a.id, a.listing_id, a.status, a.start_at, a.end_at, a.scheduled_end_at, a.current_price_cents,
    a.min_next_bid_cents, a.high_bid_id, a.high_bidder_id, a.bid_count, a.reserve_met, a.version,
    l.seller_id, l.title, seller.suspended_at is not null or seller.deleted_at is not null,
    secret.reserve_cents, leader.max_cents,
    (select max(b.seq) from public.bids as b where b.auction_id = a.id),
    u.id, u.kyc, u.suspended_at is not null,
    exists (
      select from private.bid_withdrawals as w
      where w.auction_id = a.id and w.bidder_id = v_bidder_id
    ),
    exists (select from public.user_strikes as s where s.user_id = v_bidder_id),
    (
      select jsonb_object_agg(s.key, s.value) from private.app_settings as s
      where s.key in (
        'bid_increments', 'snipe_window_s', 'snipe_extend_s', 'snipe_max_total_s',
        'strike_block_threshold'
      )
    ),
    leader.bidder_number, null, log.bidder_count, log.seq, log.hash, log.rules_hash
  into v_standing
  from public.auctions as a
  join public.listings as l on l.id = a.listing_id
  join public.users as seller on seller.id = l.seller_id
  left join private.listing_private as secret on secret.listing_id = a.listing_id
  left join private.proxy_bids as leader
    on leader.auction_id = a.id and leader.bidder_id = a.high_bidder_id
  left join lateral (
    select b.seq, b.hash, b.bidder_count, b.rules_hash from private.bid_log as b
    where b.auction_id = a.id order by b.seq desc limit 1
  ) as log on true
  left join public.users as u on u.id = v_bidder_id and u.deleted_at is null
  where a.id = p_auction_id;

  v_answer := private.bid_refusal(v_standing, p_amount_cents, p_max_cents, v_now);
  if v_answer is not null then
    return v_answer;
  end if;
  if v_standing.log_rules_hash is distinct from jsonb_hash_extended(v_standing.rules, 0) then
    v_standing := private.continued_standing(v_standing, v_now);
  end if;
  if v_standing.leader_id = v_bidder_id then
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
  v_after.high_bid_id := v_bid_id;
  if v_after.price_cents > v_last_cents then
    v_after.high_bid_id := gen_random_uuid();
  end if;
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
  v_min_next_bid_cents bigint := p_before.min_next_bid_cents;
  v_reserve_met boolean := p_before.reserve_met;
  v_end_at timestamptz := p_before.end_at;
  v_version integer := p_before.version;
begin
  -- Without a new high bid, the leader only raised their own maximum. Rivals see no change.
  if p_after.high_bid_id is distinct from p_before.high_bid_id then
    v_min_next_bid_cents := p_after.price_cents
      + private.step_cents(p_after.price_cents, p_before.rules -> 'bid_increments');
    -- A listing without a reserve counts as met from the start, so keep the old value if it is
    -- true.
    v_reserve_met := v_reserve_met
      or coalesce(p_after.price_cents >= p_before.reserve_cents, false);
    v_end_at := private.extended_end(
      p_before.end_at, p_before.scheduled_end_at, p_now, p_before.rules
    );
    v_version := v_version + 1;
    update public.auctions
    set
      current_price_cents = p_after.price_cents,
      min_next_bid_cents = v_min_next_bid_cents,
      high_bid_id = p_after.high_bid_id,
      high_bidder_id = p_after.leader_id,
      bid_count = p_after.bid_count,
      reserve_met = v_reserve_met,
      end_at = v_end_at,
      extension_count = extension_count + (v_end_at > end_at)::integer,
      version = v_version,
      updated_at = p_now
    where id = p_before.auction_id;
    update public.listings
    set
      current_bid_cents = p_after.price_cents,
      bid_count = p_after.bid_count,
      end_at = v_end_at,
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
  return jsonb_build_object(
    'success', true,
    'bid_id', p_bid_id,
    'amount_cents', p_amount_cents,
    'is_proxy_bid', p_max_cents > p_amount_cents,
    'outbid_previous', v_leader_changes,
    'previous_bidder_id', p_before.leader_id,
    'previous_amount_cents',
    case when p_before.leader_id is not null then p_before.price_cents end,
    'extension_seconds', extract(epoch from v_end_at - p_before.end_at),
    'new_end_at', v_end_at,
    'is_leading', p_after.leader_id = p_before.bidder_id,
    'current_price_cents', p_after.price_cents,
    'min_next_bid_cents', v_min_next_bid_cents,
    'reserve_met', v_reserve_met,
    'end_at', v_end_at,
    'server_time', p_now,
    'version', v_version,
    'seq', p_seq,
    'received_at', p_now,
    'time_left_ms', floor(extract(epoch from p_before.end_at - p_now) * 1000)::bigint,
    'idempotent', false
  ) || private.log_bid(
    p_before, p_after, p_seq, v_end_at, p_amount_cents, p_max_cents, p_now
  );
end;
$$;
comment on function private.finish_bid is 'Write price and leader to the auction and its listing, with a later end where the soft close moves it. Notify the bidder who led before. Return the receipt: received_at and time_left_ms are from the time at which the bid held the lock.';
