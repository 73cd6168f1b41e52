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
comment on function private.get_my_proxy is 'The caller''s own maximum in an auction, and nobody else''s.';
grant execute on function private.get_my_proxy to authenticated;

create function private.place_bid(
  p_auction_id uuid, p_amount_cents bigint, p_max_cents bigint, p_client_bid_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- Each lock has a limit of its own, so that the answer comes while the caller waits for it. What
-- is set here or below ends with the function.
set lock_timeout = '200ms'
as $$
declare
  v_bidder_id constant uuid := auth.uid();
  v_rules constant jsonb := private.bid_rules();
  v_standing private.standing;
  v_now timestamptz;
  v_answer jsonb;
begin
  -- Before any check: a bid that stood once is not refused because the auction has ended since.
  v_answer := coalesce(
    private.stored_receipt(v_bidder_id, p_client_bid_id, p_auction_id),
    private.use_rate_limit('place_bid')
  );
  if v_answer is not null then
    return v_answer;
  end if;

  -- Rivals queue on this lock, the cheapest to wait for; each meets the price the last one left.
  perform set_config('lock_timeout', '900ms', true);
  perform pg_advisory_xact_lock(hashtextextended(p_auction_id::text, 0));
  perform set_config('lock_timeout', '200ms', true);
  perform from public.auctions where id = p_auction_id for no key update;
  -- A statement of its own: the one that waits for the row reads other tables as they were before
  -- the wait, without the withdrawal that it may have waited for.
  select
    a, l.seller_id, seller.suspended_at is not null or seller.deleted_at is not null, l.title, secret.reserve_cents, leader.max_cents,
    (select max(b.seq) from public.bids as b where b.auction_id = a.id),
    u.id, u.kyc, u.suspended_at is not null,
    exists (
      select from private.bid_withdrawals as w
      where w.auction_id = a.id and w.bidder_id = v_bidder_id
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

  -- Read after the lock: a bid that waited past the end in that queue is too late.
  v_now := private.clock();
  v_answer := coalesce(
    private.bid_refusal(v_standing, p_amount_cents, p_max_cents, v_now),
    private.strike_refusal(v_bidder_id, v_rules, v_now)
  );
  if v_answer is not null then
    return v_answer;
  end if;

  if (v_standing.auction).high_bidder_id = v_bidder_id then
    v_answer := private.raise_maximum(v_standing, p_amount_cents, p_max_cents, v_rules, v_now);
  else
    v_answer := private.record_bid(v_standing, p_amount_cents, p_max_cents, v_rules, v_now);
  end if;
  if p_client_bid_id is not null then
    insert into private.bid_receipts (bidder_id, client_bid_id, auction_id, receipt)
    values (v_bidder_id, p_client_bid_id, p_auction_id, v_answer);
  end if;
  return v_answer;
exception
  -- All that the block did is undone, its use of the rate limit too. It spans locks and writes on
  -- purpose: a row locked in a block and changed after it costs a multixact, and 96 bidders half
  -- their speed.
  when lock_not_available then
    return private.refusal('AUCTION_BUSY', 'Please try again in a moment');
end;
$$;
comment on function private.place_bid is 'Answer a repeated call as before; else lock the auction, then refuse the bid or record it. A lock that is not to be had in time is a refusal too.';
grant execute on function private.place_bid to authenticated;

create function private.bid_rules()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_object_agg(key, value) from private.app_settings
    where key in (
      'bid_increments', 'snipe_window_s', 'snipe_extend_s', 'snipe_max_total_s',
      'strike_block_threshold'
    )
  );
end;
$$;
comment on function private.bid_rules is 'The settings that a bid is subject to, read before it queues.';

create function private.record_bid(
  p_standing private.standing, p_amount_cents bigint, p_max_cents bigint, p_rules jsonb,
  p_now timestamptz
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_before constant public.auctions := p_standing.auction;
  v_leads constant boolean := p_max_cents > coalesce(p_standing.leader_max_cents, 0);
  v_price_cents constant bigint := private.price_after_bid(
    p_standing.leader_max_cents, p_amount_cents, p_max_cents, p_standing.reserve_cents,
    p_rules -> 'bid_increments'
  );
  v_leader_id constant uuid := case
    when v_leads then p_standing.bidder_id else v_before.high_bidder_id
  end;
  v_bid_id constant uuid := gen_random_uuid();
  v_high_bid_id uuid;
  v_after public.auctions;
begin
  -- The bid as it was sent, then the level to which it drove the loser's maximum and the winner's.
  with written as (
    insert into public.bids (id, auction_id, bidder_id, amount_cents, is_proxy, placed_at, seq)
    select
      coalesce(level.bid_id, gen_random_uuid()), v_before.id, level.bidder_id, level.cents,
      level.bid_id is null, p_now,
      coalesce(p_standing.last_seq, 0) + row_number() over (order by level.step)
    from (
      values
      (1, v_bid_id, p_standing.bidder_id, p_amount_cents, 0),
      (
        2, null, case when v_leads then v_before.high_bidder_id else p_standing.bidder_id end,
        case when v_leads then p_standing.leader_max_cents else p_max_cents end,
        case when v_leads then v_before.current_price_cents else p_amount_cents end
      ),
      (
        3, null, v_leader_id, v_price_cents,
        case when v_leads then p_amount_cents else v_before.current_price_cents end
      )
    ) as level (step, bid_id, bidder_id, cents, last_cents)
    where level.cents > level.last_cents
    returning id, bidder_id, amount_cents
  )
  select id into v_high_bid_id from written
  where bidder_id = v_leader_id and amount_cents = v_price_cents;

  insert into private.proxy_bids (auction_id, bidder_id, max_cents, max_set_at)
  values (v_before.id, p_standing.bidder_id, p_max_cents, p_now)
  on conflict (auction_id, bidder_id) do update
  set max_cents = excluded.max_cents, max_set_at = excluded.max_set_at;

  v_after := private.move_auction(
    p_standing, v_price_cents, v_leader_id, v_high_bid_id, 1, p_rules, p_now
  );

  if v_leads and v_before.high_bidder_id is not null then
    perform private.notify_outbid(p_standing, v_after);
  end if;
  return private.bid_receipt(
    p_standing, v_after, v_bid_id, coalesce(p_standing.last_seq, 0) + 1, p_amount_cents,
    p_max_cents, p_now
  );
end;
$$;
comment on function private.record_bid is 'Write a bid that stands, settle price and leader, return the receipt: of two equal maxima the earlier leads. The caller holds the locks.';

create function private.raise_maximum(
  p_standing private.standing, p_amount_cents bigint, p_max_cents bigint, p_rules jsonb,
  p_now timestamptz
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_after public.auctions := p_standing.auction;
  v_bid_id uuid := v_after.high_bid_id;
  v_seq integer;
begin
  update private.proxy_bids set max_cents = p_max_cents, max_set_at = p_now
  where auction_id = v_after.id and bidder_id = p_standing.bidder_id;
  -- Rivals learn nothing of it, unless it reaches the reserve: the price is lifted to that.
  if not v_after.reserve_met and p_max_cents >= p_standing.reserve_cents then
    insert into public.bids (auction_id, bidder_id, amount_cents, is_proxy, placed_at, seq)
    values (
      v_after.id, p_standing.bidder_id, p_standing.reserve_cents, true, p_now,
      p_standing.last_seq + 1
    )
    returning id into v_bid_id;
    v_after := private.move_auction(
      p_standing, p_standing.reserve_cents, p_standing.bidder_id, v_bid_id, 0, p_rules, p_now
    );
  end if;
  select seq into v_seq from public.bids where id = v_bid_id;
  return private.bid_receipt(
    p_standing, v_after, v_bid_id, v_seq, p_amount_cents, p_max_cents, p_now
  );
end;
$$;
comment on function private.raise_maximum is 'What a leader''s bid does: raise the own maximum and nothing else.';

create function private.move_auction(
  p_standing private.standing, p_price_cents bigint, p_leader_id uuid, p_high_bid_id uuid,
  p_bid_count integer, p_rules jsonb, p_now timestamptz
)
returns public.auctions
language plpgsql
set search_path = ''
as $$
declare
  v_before constant public.auctions := p_standing.auction;
  v_end_at constant timestamptz := private.extended_end(
    v_before.end_at, v_before.scheduled_end_at, p_now, p_rules
  );
  v_after public.auctions;
begin
  update public.auctions
  set
    current_price_cents = p_price_cents,
    min_next_bid_cents = p_price_cents
    + private.step_cents(p_price_cents, p_rules -> 'bid_increments'),
    high_bid_id = p_high_bid_id,
    high_bidder_id = p_leader_id,
    bid_count = bid_count + p_bid_count,
    -- Not from the price alone: it may stand above a reserve that it never had to be lifted to.
    reserve_met = reserve_met or p_price_cents >= p_standing.reserve_cents,
    end_at = v_end_at,
    extension_count = extension_count + (v_end_at > end_at)::integer,
    version = version + 1,
    updated_at = p_now
  where id = v_before.id
  returning * into v_after;
  update public.listings
  set
    current_bid_cents = p_price_cents,
    bid_count = v_after.bid_count,
    end_at = v_end_at,
    updated_at = p_now
  where id = v_before.listing_id;
  return v_after;
end;
$$;
comment on function private.move_auction is 'Set price and leader, with a later end where the soft close asks for it: one update of the auction, and the listing''s snapshot of it.';

create function private.notify_outbid(p_standing private.standing, p_after public.auctions)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.notify(
    (p_standing.auction).high_bidder_id,
    'outbid',
    'You have been outbid',
    p_standing.title || ' is at ' || private.dollars(p_after.current_price_cents) || ' now.',
    jsonb_build_object(
      'auction_id', p_after.id,
      'listing_id', p_after.listing_id,
      'current_price_cents', p_after.current_price_cents
    )
  );
end;
$$;
comment on function private.notify_outbid is 'Tell the one who led that somebody else does.';

create function private.stored_receipt(
  p_bidder_id uuid, p_client_bid_id uuid, p_auction_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_stored private.bid_receipts;
begin
  if p_client_bid_id is null then
    return null;
  end if;
  -- Both copies of a call may be under way at once: the second waits here for the first. Locks of
  -- two numbers are another kind than the auctions' of one: the caller chooses this key, and could
  -- choose one whose hash is that of an auction, to hold up all who bid there.
  perform pg_advisory_xact_lock(hashtext(p_bidder_id::text), hashtext(p_client_bid_id::text));
  select * into v_stored from private.bid_receipts
  where bidder_id = p_bidder_id and client_bid_id = p_client_bid_id;
  if v_stored.auction_id <> p_auction_id then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_stored.receipt || '{"idempotent": true}';
end;
$$;
comment on function private.stored_receipt is 'What this call was answered before, marked as a repeat; null if it was not, or was refused.';

create function private.bid_receipt(
  p_standing private.standing, p_after public.auctions, p_bid_id uuid, p_seq integer,
  p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_before constant public.auctions := p_standing.auction;
begin
  return jsonb_build_object(
    'success', true,
    'bid_id', p_bid_id,
    'amount_cents', p_amount_cents,
    'is_proxy_bid', p_max_cents > p_amount_cents,
    'outbid_previous', coalesce(v_before.high_bidder_id <> p_after.high_bidder_id, false),
    'previous_bidder_id', v_before.high_bidder_id,
    'previous_amount_cents', case
      when v_before.high_bidder_id is not null then v_before.current_price_cents
    end,
    'extension_seconds', extract(epoch from p_after.end_at - v_before.end_at),
    'new_end_at', p_after.end_at,
    'is_leading', p_after.high_bidder_id = p_standing.bidder_id,
    'current_price_cents', p_after.current_price_cents,
    'min_next_bid_cents', p_after.min_next_bid_cents,
    'reserve_met', p_after.reserve_met,
    'end_at', p_after.end_at,
    'server_time', p_now,
    'version', p_after.version,
    'seq', p_seq,
    'received_at', p_now,
    'time_left_ms', floor(extract(epoch from v_before.end_at - p_now) * 1000)::bigint,
    'idempotent', false
  );
end;
$$;
comment on function private.bid_receipt is 'What a bidder is told about a bid that stood. received_at and time_left_ms are those of the moment at which the lock was held.';

create function private.bid_refusal(
  p_standing private.standing, p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_auction constant public.auctions := p_standing.auction;
begin
  if v_auction.id is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  elsif v_auction.status <> 'live' or v_auction.start_at > p_now then
    return private.refusal('AUCTION_NOT_LIVE', 'Auction is not live');
  elsif v_auction.end_at <= p_now then
    return private.refusal('AUCTION_ENDED', 'Auction has ended');
  elsif p_standing.bidder_id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_standing.seller_id = p_standing.bidder_id then
    return private.refusal('OWN_LISTING', 'You cannot bid on your own listing');
  elsif p_standing.bidder_is_suspended then
    return private.refusal('USER_SUSPENDED', 'Your account is suspended');
  elsif p_standing.bidder_kyc <> 'passed' then
    return private.refusal('KYC_REQUIRED', 'KYC verification required to bid');
  elsif p_standing.bidder_is_barred then
    return private.refusal('BIDDER_BLOCKED', 'Too many unpaid purchases. Contact support');
  elsif p_standing.seller_is_suspended then
    return private.refusal('AUCTION_NOT_LIVE', 'Auction is not live');
  elsif coalesce(p_amount_cents, 0) < 100 or greatest(p_amount_cents, p_max_cents) > 99999999 then
    -- The upper bound is Stripe's: a price above it could never be paid.
    return private.refusal('BAD_AMOUNT', 'Bid must be whole cents, 100 to 99999999');
  elsif p_max_cents < p_amount_cents then
    return private.refusal('MAX_BELOW_AMOUNT', 'Maximum must be at least the bid');
  elsif v_auction.high_bidder_id = p_standing.bidder_id then
    -- The leader bids against nobody, so the ladder is not asked.
    if p_max_cents <= p_standing.leader_max_cents then
      return private.refusal(
        'MAX_NOT_HIGHER', 'Your new maximum must be above your current maximum'
      );
    end if;
  elsif p_amount_cents < v_auction.min_next_bid_cents then
    return private.refusal(
      'BID_TOO_LOW', 'Minimum bid is ' || private.dollars(v_auction.min_next_bid_cents)
    ) || jsonb_build_object('minimum_bid_cents', v_auction.min_next_bid_cents);
  end if;
  return null;
end;
$$;
comment on function private.bid_refusal is 'Why this bid cannot stand, or null when it can.';

create function private.strike_refusal(p_bidder_id uuid, p_rules jsonb, p_now timestamptz)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if
    private.live_strike_points(p_bidder_id, p_now)
    >= (p_rules -> 'strike_block_threshold')::integer
  then
    return private.refusal('BIDDER_BLOCKED', 'Too many unpaid purchases. Contact support');
  end if;
  return null;
end;
$$;
comment on function private.strike_refusal is 'Why somebody who did not pay before may not bid, or null when they may.';

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
  -- Whoever leads after this has the higher maximum of the two.
  if greatest(p_leader_max_cents, p_max_cents) >= p_reserve_cents then
    return greatest(v_price_cents, p_reserve_cents);
  end if;
  return v_price_cents;
end;
$$;
comment on function private.price_after_bid is 'Second-price rule: a step above the loser''s maximum, at most the winner''s; and at least the reserve once a maximum reaches it.';

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
comment on function private.step_cents is 'How far above a price the next bid must be, by a ladder as in the setting bid_increments; its last rung has no upper end.';

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
comment on function private.extended_end is 'Soft close: the end after a bid at p_now. It never moves back, and not beyond its cap.';

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
comment on function private.dollars is 'An amount as people read it.';

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
comment on function public.place_bid is 'Bid as the signed-in user; the same client_bid_id gets the same receipt, marked idempotent. Refusals: AUCTION_NOT_FOUND, AUCTION_NOT_LIVE, AUCTION_ENDED, OWN_LISTING, PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED, BIDDER_BLOCKED, BAD_AMOUNT, MAX_BELOW_AMOUNT, MAX_NOT_HIGHER, BID_TOO_LOW, REQUEST_ID_REUSED, RATE_LIMITED, AUCTION_BUSY.';
grant execute on function public.place_bid to authenticated;

alter table public.bids enable row level security;
-- service_role receives what is published; none of our processes asks for more.
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
