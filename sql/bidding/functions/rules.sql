create function private.bid_refusal(
  p_standing private.standing, p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_has_too_many_strikes boolean;
  v_refusal text[];
begin
  if p_standing.bidder_has_strikes then
    v_has_too_many_strikes := private.live_strike_points(p_standing.bidder_id, p_now)
      >= (p_standing.rules -> 'strike_block_threshold')::integer;
  end if;
  -- This is one expression and calls no function, because Postgres prepares each expression and
  -- each call in each transaction.
  v_refusal := case
    when p_standing.auction_id is null
      then array['AUCTION_NOT_FOUND', 'Auction not found']
    when p_standing.status <> 'live' or p_standing.start_at > p_now
      then array['AUCTION_NOT_LIVE', 'Auction is not live']
    when p_standing.end_at <= p_now
      then array['AUCTION_ENDED', 'Auction has ended']
    when p_standing.bidder_id is null
      then array['PROFILE_NOT_FOUND', 'User profile not found']
    when p_standing.seller_id = p_standing.bidder_id
      then array['OWN_LISTING', 'You cannot bid on your own listing']
    when p_standing.bidder_is_suspended
      then array['USER_SUSPENDED', 'Your account is suspended']
    when p_standing.bidder_kyc <> 'passed'
      then array['KYC_REQUIRED', 'KYC verification required to bid']
    when p_standing.bidder_is_barred or v_has_too_many_strikes
      then array['BIDDER_BLOCKED', 'Too many unpaid purchases. Contact support']
    when p_standing.seller_is_suspended
      then array['AUCTION_NOT_LIVE', 'Auction is not live']
    -- The upper bound is Stripe's largest amount, so nobody could pay a higher price.
    when coalesce(p_amount_cents, 0) < 100 or greatest(p_amount_cents, p_max_cents) > 99999999
      then array['BAD_AMOUNT', 'Bid must be whole cents, 100 to 99999999']
    when p_max_cents < p_amount_cents
      then array['MAX_BELOW_AMOUNT', 'Maximum must be at least the bid']
    -- The leader has no rival to outbid, so no increment applies.
    when p_standing.leader_id = p_standing.bidder_id
      then case when p_max_cents <= p_standing.leader_max_cents
        then array[
          'MAX_NOT_HIGHER', 'Your new maximum must be above your current maximum'
        ]
      end
    when p_amount_cents < p_standing.min_next_bid_cents
      then array['BID_TOO_LOW', 'Minimum bid is ']
  end;
  if v_refusal is null then
    return null;
  elsif v_refusal[1] = 'BID_TOO_LOW' then
    return private.refusal(
      v_refusal[1], v_refusal[2] || private.dollars(p_standing.min_next_bid_cents)
    ) || jsonb_build_object('minimum_bid_cents', p_standing.min_next_bid_cents);
  end if;
  return private.refusal(v_refusal[1], v_refusal[2]);
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
  -- The higher of the two maxima leads after this bid.
  v_winner_cents constant bigint := greatest(p_leader_max_cents, p_max_cents);
  v_loser_cents bigint;
  v_price_cents bigint := p_amount_cents;
begin
  if p_leader_max_cents is not null then
    v_loser_cents := least(p_leader_max_cents, p_max_cents);
    v_price_cents := greatest(
      p_amount_cents,
      least(v_winner_cents, v_loser_cents + private.step_cents(v_loser_cents, p_ladder))
    );
  end if;
  if v_winner_cents >= p_reserve_cents then
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
strict
set search_path = ''
as $$
begin
  return format('$%s.%s', p_cents / 100, lpad((p_cents % 100)::text, 2, '0'));
end;
$$;
comment on function private.dollars is 'Return an amount as text for people.';

create function private.store_bidding_rules()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- Of two concurrent changes, the second waits here and then reads the first.
  lock table private.bidding_rules in share row exclusive mode;
  insert into private.bidding_rules as stored (rules)
  select jsonb_object_agg(key, value) from private.app_settings
  where key in (
    'bid_increments', 'snipe_window_s', 'snipe_extend_s', 'snipe_max_total_s',
    'strike_block_threshold'
  )
  on conflict (is_only) do update set rules = excluded.rules
  where stored.rules <> excluded.rules;
  return null;
end;
$$;
comment on function private.store_bidding_rules is 'Trigger: store the settings that decide about bids in one row.';
