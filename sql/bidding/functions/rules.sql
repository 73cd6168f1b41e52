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
