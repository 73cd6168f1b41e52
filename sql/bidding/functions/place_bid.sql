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
