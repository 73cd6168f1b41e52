set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.get_my_proxy(p_auction_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  return (
    select jsonb_build_object(
      'auction_id', p.auction_id,
      'max_cents', p.max_cents,
      'is_leading', coalesce(a.high_bidder_id = p.bidder_id, false),
      'updated_at', p.max_set_at
    )
    from private.proxy_bids as p
    join public.auctions as a on a.id = p.auction_id
    where p.auction_id = p_auction_id and p.bidder_id = auth.uid()
  );
end;
$$;
comment on function private.get_my_proxy is 'Return the caller''s own maximum in an auction, or null without a bid. It never returns the maximum of another bidder.';
grant execute on function private.get_my_proxy to authenticated;

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
  perform from public.auctions where id = p_auction_id for no key update;
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
    )
  into v_standing
  from public.auctions as a
  join public.listings as l on l.id = a.listing_id
  join public.users as seller on seller.id = l.seller_id
  left join private.listing_private as secret on secret.listing_id = a.listing_id
  left join private.proxy_bids as leader
    on leader.auction_id = a.id and leader.bidder_id = a.high_bidder_id
  left join public.users as u on u.id = v_bidder_id and u.deleted_at is null
  where a.id = p_auction_id;

  v_answer := private.bid_refusal(v_standing, p_amount_cents, p_max_cents, v_now);
  if v_answer is not null then
    return v_answer;
  elsif v_standing.leader_id = v_bidder_id then
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

  insert into private.proxy_bids (auction_id, bidder_id, max_cents, max_set_at)
  values (p_standing.auction_id, p_standing.bidder_id, p_max_cents, p_now)
  on conflict (auction_id, bidder_id) do update
  set max_cents = excluded.max_cents, max_set_at = excluded.max_set_at;

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
    insert into public.notifications (user_id, type, title, message, metadata)
    values (
      p_before.leader_id,
      'outbid',
      'You have been outbid',
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
  );
end;
$$;
comment on function private.finish_bid is 'Write price and leader to the auction and its listing, with a later end where the soft close moves it. Notify the bidder who led before. Return the receipt: received_at and time_left_ms are from the time at which the bid held the lock.';

create function private.stored_receipt(
  p_bidder_id uuid, p_client_bid_id uuid, p_auction_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_lock text;
  v_auction_id uuid;
  v_receipt jsonb;
begin
  if p_client_bid_id is null then
    return null;
  end if;
  -- Of two concurrent copies of a call, the second waits here for the first. A lock of two numbers
  -- never equals an auction's lock of one number. So a caller cannot choose a key that locks an
  -- auction.
  v_lock := pg_advisory_xact_lock(hashtext(p_bidder_id::text), hashtext(p_client_bid_id::text));
  select auction_id, receipt into v_auction_id, v_receipt from private.bid_receipts
  where bidder_id = p_bidder_id and client_bid_id = p_client_bid_id;
  if v_auction_id is null then
    return null;
  elsif v_auction_id <> p_auction_id then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_receipt || '{"idempotent": true}';
end;
$$;
comment on function private.stored_receipt is 'Lock the caller''s key. Return the receipt of an earlier call with it, marked as a repeat, or null if there is none.';

create function private.bid_refusal(
  p_standing private.standing, p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  -- This is one expression, because Postgres prepares each expression in each transaction.
  return case
    when p_standing.auction_id is null
      then private.refusal('AUCTION_NOT_FOUND', 'Auction not found')
    when p_standing.status <> 'live' or p_standing.start_at > p_now
      then private.refusal('AUCTION_NOT_LIVE', 'Auction is not live')
    when p_standing.end_at <= p_now
      then private.refusal('AUCTION_ENDED', 'Auction has ended')
    when p_standing.bidder_id is null
      then private.refusal('PROFILE_NOT_FOUND', 'User profile not found')
    when p_standing.seller_id = p_standing.bidder_id
      then private.refusal('OWN_LISTING', 'You cannot bid on your own listing')
    when p_standing.bidder_is_suspended
      then private.refusal('USER_SUSPENDED', 'Your account is suspended')
    when p_standing.bidder_kyc <> 'passed'
      then private.refusal('KYC_REQUIRED', 'KYC verification required to bid')
    when
      p_standing.bidder_is_barred
      or p_standing.bidder_has_strikes
      and private.live_strike_points(p_standing.bidder_id, p_now)
      >= (p_standing.rules -> 'strike_block_threshold')::integer
      then private.refusal('BIDDER_BLOCKED', 'Too many unpaid purchases. Contact support')
    when p_standing.seller_is_suspended
      then private.refusal('AUCTION_NOT_LIVE', 'Auction is not live')
    -- The upper bound is Stripe's largest amount, so nobody could pay a higher price.
    when coalesce(p_amount_cents, 0) < 100 or greatest(p_amount_cents, p_max_cents) > 99999999
      then private.refusal('BAD_AMOUNT', 'Bid must be whole cents, 100 to 99999999')
    when p_max_cents < p_amount_cents
      then private.refusal('MAX_BELOW_AMOUNT', 'Maximum must be at least the bid')
    -- The leader has no rival to outbid, so no increment applies.
    when p_standing.leader_id = p_standing.bidder_id
      then case when p_max_cents <= p_standing.leader_max_cents
        then private.refusal(
          'MAX_NOT_HIGHER', 'Your new maximum must be above your current maximum'
        )
      end
    when p_amount_cents < p_standing.min_next_bid_cents
      then private.refusal(
        'BID_TOO_LOW', 'Minimum bid is ' || private.dollars(p_standing.min_next_bid_cents)
      ) || jsonb_build_object('minimum_bid_cents', p_standing.min_next_bid_cents)
  end;
end;
$$;
comment on function private.bid_refusal is 'Return the refusal of a bid, or null if the bid is accepted.';

create function private.price_after_bid(
  p_leader_max_cents bigint, p_amount_cents bigint, p_max_cents bigint, p_reserve_cents bigint,
  p_ladder jsonb
)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_price_cents bigint;
begin
  if p_leader_max_cents is null then
    v_price_cents := p_amount_cents;
  elsif p_max_cents > p_leader_max_cents then
    v_price_cents := greatest(
      p_amount_cents,
      least(p_max_cents, p_leader_max_cents + private.step_cents(p_leader_max_cents, p_ladder))
    );
  else
    v_price_cents := least(
      p_leader_max_cents, p_max_cents + private.step_cents(p_max_cents, p_ladder)
    );
  end if;
  -- The higher of the two maxima leads after this bid.
  if greatest(p_leader_max_cents, p_max_cents) >= p_reserve_cents then
    return greatest(v_price_cents, p_reserve_cents);
  end if;
  return v_price_cents;
end;
$$;
comment on function private.price_after_bid is 'Return the price by the second-price rule: a step above the loser''s maximum and at most the winner''s. Once a maximum reaches the reserve, the price is at least the reserve.';

create function private.step_cents(p_price_cents bigint, p_ladder jsonb)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_rung integer := 0;
begin
  while p_price_cents >= (p_ladder -> v_rung ->> 'below_cents')::bigint loop
    v_rung := v_rung + 1;
  end loop;
  return (p_ladder -> v_rung ->> 'step_cents')::bigint;
end;
$$;
comment on function private.step_cents is 'Return the increment above a price, by a ladder as in the setting bid_increments. The last step of the ladder has no upper bound.';

create function private.extended_end(
  p_end_at timestamptz, p_scheduled_end_at timestamptz, p_now timestamptz, p_rules jsonb
)
returns timestamptz
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_end_at - p_now > (p_rules -> 'snipe_window_s')::integer * interval '1 second' then
    return p_end_at;
  end if;
  return greatest(p_end_at, least(
    p_scheduled_end_at + (p_rules -> 'snipe_max_total_s')::integer * interval '1 second',
    p_now + (p_rules -> 'snipe_extend_s')::integer * interval '1 second'
  ));
end;
$$;
comment on function private.extended_end is 'Return the end of an auction after a bid at p_now, by the soft close. The end never moves back and never beyond its cap.';

create function private.dollars(p_cents bigint)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return '$' || to_char(p_cents / 100.0, 'FM9999999990.00');
end;
$$;
comment on function private.dollars is 'Return an amount as text for people.';

create function private.withdraw_bids(
  p_auction_id uuid, p_bidder_ids uuid[], p_actor_id uuid, p_reason text
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_ladder constant jsonb := private.setting('bid_increments');
  v_before public.auctions;
  v_after public.auctions;
  v_leader_id uuid;
  v_price_cents bigint;
  v_reserve_met boolean;
  v_now timestamptz;
begin
  select * into v_before from public.auctions where id = p_auction_id for no key update;
  v_now := private.clock();
  if v_before.status is distinct from 'live' then
    return false;
  end if;
  -- A bidder without a maximum has no bid here, or all of them were withdrawn before.
  with withdrawn as (
    delete from private.proxy_bids
    where auction_id = p_auction_id and bidder_id = any(p_bidder_ids)
    returning bidder_id
  )
  insert into private.bid_withdrawals (auction_id, bidder_id, actor_id, reason, withdrawn_at)
  select p_auction_id, bidder_id, p_actor_id, p_reason, v_now from withdrawn;
  if not found then
    return false;
  end if;

  -- The highest maximum leads, against the second highest. Of equal maxima the earlier leads. If
  -- both were set in the same microsecond, the bidder with the earlier bid leads.
  select
    maxima.bidder_id,
    coalesce(
      private.price_after_bid(
        maxima.next_cents, maxima.open_cents, maxima.max_cents, secret.reserve_cents, v_ladder
      ),
      l.start_cents
    ),
    coalesce(maxima.max_cents >= secret.reserve_cents, secret.reserve_cents is null)
  into v_leader_id, v_price_cents, v_reserve_met
  from public.listings as l
  left join private.listing_private as secret on secret.listing_id = l.id
  left join lateral (
    select
      p.bidder_id, p.max_cents, b.amount_cents as open_cents,
      lead(p.max_cents) over ranking as next_cents, row_number() over ranking as place
    from private.proxy_bids as p
    cross join lateral (
      select amount_cents, seq from public.bids
      where
        auction_id = p.auction_id and bidder_id = p.bidder_id and accepted and not is_proxy
      order by seq desc limit 1
    ) as b
    where p.auction_id = p_auction_id
    window ranking as (order by p.max_cents desc, p.max_set_at, b.seq)
  ) as maxima on maxima.place = 1
  where l.id = v_before.listing_id;

  v_after := private.lower_auction(
    v_before, p_bidder_ids, v_leader_id, v_price_cents, v_reserve_met, v_ladder, v_now
  );
  perform private.notify_of_withdrawal(v_before, v_after);
  return true;
end;
$$;
comment on function private.withdraw_bids is 'Withdraw all bids of these bidders from a live auction and bar the bidders from it. Leader and price follow from the maxima that remain. Return false if there was nothing to withdraw. No other function lowers a price.';

create function private.lower_auction(
  p_before public.auctions, p_withdrawn_ids uuid[], p_leader_id uuid, p_price_cents bigint,
  p_reserve_met boolean, p_ladder jsonb, p_now timestamptz
)
returns public.auctions
language plpgsql
set search_path = ''
as $$
declare
  v_high_bid_id uuid;
  v_after public.auctions;
begin
  update public.bids set accepted = false
  where
    auction_id = p_before.id and accepted
    and (bidder_id = any(p_withdrawn_ids) or is_proxy and amount_cents > p_price_cents);
  if p_leader_id is not null then
    insert into public.bids (auction_id, bidder_id, amount_cents, is_proxy, placed_at, seq)
    select p_before.id, p_leader_id, p_price_cents, true, p_now, max(seq) + 1
    from public.bids where auction_id = p_before.id
    on conflict (auction_id, bidder_id, amount_cents) where accepted do nothing;
    select id into v_high_bid_id from public.bids
    where
      auction_id = p_before.id and bidder_id = p_leader_id and amount_cents = p_price_cents
      and accepted;
  end if;
  update public.auctions
  set
    current_price_cents = p_price_cents,
    min_next_bid_cents = case
      when p_leader_id is null then p_price_cents
      else p_price_cents + private.step_cents(p_price_cents, p_ladder)
    end,
    high_bid_id = v_high_bid_id,
    high_bidder_id = p_leader_id,
    bid_count = (
      select count(*) from public.bids as b
      where b.auction_id = p_before.id and b.accepted and not b.is_proxy
    ),
    reserve_met = p_reserve_met,
    version = version + 1,
    updated_at = p_now
  where id = p_before.id
  returning * into v_after;
  update public.listings
  set
    current_bid_cents = case when p_leader_id is not null then p_price_cents end,
    bid_count = v_after.bid_count,
    updated_at = p_now
  where id = p_before.listing_id;
  return v_after;
end;
$$;
comment on function private.lower_auction is 'Mark bids as not accepted and write the lower price with its leader, on the auction and its listing. The leader gets an automatic bid at the price unless one is there. The end stays.';

create function private.notify_of_withdrawal(p_before public.auctions, p_after public.auctions)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_metadata constant jsonb := jsonb_build_object(
    'auction_id', p_after.id,
    'listing_id', p_after.listing_id,
    'current_price_cents', p_after.current_price_cents
  );
  v_price constant text := private.dollars(p_after.current_price_cents);
  v_listing public.listings;
begin
  select * into v_listing from public.listings where id = p_after.listing_id;
  perform private.notify(
    v_listing.seller_id, 'bids_withdrawn', 'Bids were withdrawn',
    format('Bids on %s were withdrawn. It is at %s now.', v_listing.title, v_price), v_metadata
  );
  if p_after.high_bidder_id <> p_before.high_bidder_id then
    perform private.notify(
      p_after.high_bidder_id, 'bids_withdrawn', 'You are the highest bidder',
      format('Bids on %s were withdrawn. You lead at %s now.', v_listing.title, v_price),
      v_metadata
    );
  end if;
end;
$$;
comment on function private.notify_of_withdrawal is 'Notify the seller that bids were withdrawn, and a new leader of the lead.';

create function public.get_my_proxy(auction_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_my_proxy(get_my_proxy.auction_id);
end;
$$;
comment on function public.get_my_proxy is 'Return the caller''s own maximum. Answers auction_id, max_cents, is_leading, updated_at; null without a bid. Refusal: PROFILE_NOT_FOUND.';
grant execute on function public.get_my_proxy to authenticated;

create function public.place_bid(
  auction_id uuid, amount_cents bigint, max_proxy_cents bigint default null,
  client_bid_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.place_bid(
    place_bid.auction_id,
    place_bid.amount_cents,
    coalesce(place_bid.max_proxy_cents, place_bid.amount_cents),
    place_bid.client_bid_id
  );
end;
$$;
comment on function public.place_bid is 'Bid as the signed-in user; the same client_bid_id gets the same receipt, marked idempotent. Refusals: AUCTION_NOT_FOUND, AUCTION_NOT_LIVE, AUCTION_ENDED, OWN_LISTING, PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED, BIDDER_BLOCKED, BAD_AMOUNT, MAX_BELOW_AMOUNT, MAX_NOT_HIGHER, BID_TOO_LOW, REQUEST_ID_REUSED, RATE_LIMITED, AUCTION_BUSY. Raises FILTER_REFUSED.';
grant execute on function public.place_bid to authenticated;

alter table public.bids enable row level security;
-- Realtime sends service_role only the changes of columns that it may select.
grant select (
  id, auction_id, bidder_id, amount_cents, max_proxy_cents, is_proxy, accepted, placed_at, seq,
  created_at
) on public.bids to anon, authenticated, service_role;

create policy everyone_reads_bids_with_their_auction on public.bids
for select to anon, authenticated
using (
  exists (
    select from public.auctions as a
    where a.id = bids.auction_id
  )
);
comment on policy everyone_reads_bids_with_their_auction on public.bids is 'Amounts are public, maxima are not. Writing goes through place_bid.';

alter table private.proxy_bids enable row level security;

alter table private.bid_receipts enable row level security;

alter table private.bid_withdrawals enable row level security;
