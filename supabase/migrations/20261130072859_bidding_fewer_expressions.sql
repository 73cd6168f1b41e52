set lock_timeout = '2s';
set statement_timeout = '30s';

-- Hosted Supabase has this extension already.
create extension if not exists pgcrypto with schema extensions;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.log_bid;

create function private.log_bid(
  p_before private.standing, p_after private.standing, p_bid_seq integer,
  p_amount_cents bigint, p_max_cents bigint, p_salt text, p_now timestamptz
)
returns text
language plpgsql
set search_path = ''
as $$
declare
  -- This is the form of private.log_time, whose call would cost more.
  v_at constant text := to_char(p_now at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
  v_commitment constant bytea := sha256(convert_to(format(
    '{"at":"%s","auction_id":"%s","bidder":%s,"max_cents":%s,"salt":"%s"}',
    v_at, p_before.auction_id, p_after.bidder_number, p_max_cents, p_salt
  ), 'UTF8'));
  v_kind text;
  v_record text;
  v_reserve text;
begin
  if p_after.high_bid_id is distinct from p_before.high_bid_id then
    v_kind := case when p_before.leader_id = p_before.bidder_id then 'raise' else 'bid' end;
    if p_before.reserve_cents is not null then
      v_reserve := private.reserve_state(
        p_before.reserve_cents,
        p_after.price_cents,
        case when v_kind = 'raise' then p_before.price_cents else private.price_after_bid(
          p_before.leader_max_cents, p_amount_cents, p_max_cents, null,
          p_before.rules -> 'bid_increments'
        ) end
      );
    end if;
    v_record := format(
      case
        when p_before.leader_id = p_before.bidder_id then '{' else '{"amount_cents":%1$s,'
      end
      || '"at":"%2$s","bid_seq":%3$s,"bidder":%4$s,"end_at":"%5$s","leader":%6$s,'
      || '"price_cents":%7$s,"reserve":"%8$s"}',
      p_amount_cents, v_at, p_bid_seq, p_after.bidder_number,
      to_char(p_after.end_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      case
        when p_after.leader_id = p_before.bidder_id then p_after.bidder_number
        else p_before.leader_number
      end,
      p_after.price_cents,
      coalesce(v_reserve, 'none')
    );
  else
    -- A raise that moves no price is invisible while the auction runs. Its row states nothing, so
    -- it reveals as little as possible afterwards.
    v_kind := 'sealed';
    v_record := '{}';
  end if;
  insert into private.bid_log (
    auction_id, seq, kind, record, commitment, hash, previous_hash, sealed_cents, salt,
    bidder_number, bidder_count, rules_hash, created_at
  )
  values (
    p_before.auction_id, p_before.log_seq + 1, v_kind, v_record::jsonb, v_commitment,
    sha256(convert_to(format(
      '{"auction_id":"%s","commitment":"%s","kind":"%s","previous_hash":"%s","record":%s,"seq":%s}',
      p_before.auction_id, encode(v_commitment, 'hex'), v_kind, encode(p_before.log_hash, 'hex'),
      v_record, p_before.log_seq + 1
    ), 'UTF8')),
    p_before.log_hash, p_max_cents, decode(p_salt, 'hex'), p_after.bidder_number,
    greatest(p_before.bidder_count, p_after.bidder_number), p_before.log_rules_hash, p_now
  );
  return encode(v_commitment, 'hex');
end;
$$;
comment on function private.log_bid is 'Add an accepted bid to the log and return its commitment, for the receipt. It follows from the bid and its salt alone, so a receipt reveals nothing about other rows.';

create or replace function private.random_salt()
returns text
language plpgsql
set search_path = ''
as $$
begin
  return encode(extensions.gen_random_bytes(16), 'hex');
end;
$$;
comment on function private.random_salt is 'Return 128 random bits in hexadecimal.';

create or replace function private.locked_standing(p_auction_id uuid, p_bidder_id uuid)
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

create or replace function private.record_bid(
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

create or replace function private.finish_bid(
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

create or replace function private.bid_refusal(
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

create or replace function private.price_after_bid(
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

create or replace function private.dollars(p_cents bigint)
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

create or replace function private.refuse_filtered_call()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  -- PostgREST filters and casts the answer in the statement that calls the function. A filter such
  -- as `reserve_met=like.tru\` fails for some answers only. So the failure would reveal the answer
  -- and undo the call. The function sees the statement's text, but never the values in it.
  if strpos(current_query(), 'pgrst_source') > 0
    and current_query() collate "C" ~* '\m(where|cast)\M' then
    raise sqlstate 'PT400' using
      message = 'FILTER_REFUSED',
      detail = 'Call this function without filters and casts. Its answer is one object.';
  end if;
end;
$$;
comment on function private.refuse_filtered_call is 'Refuse a call whose caller could undo it after the function has answered. Raises FILTER_REFUSED.';

create or replace function private.count_use(p_action text, p_key text)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_limit jsonb;
  v_now timestamptz;
  v_window_start timestamptz;
begin
  -- Read the setting here and not by private.setting: each bid counts a use, and the call would
  -- cost more than the read.
  select value -> p_action into v_limit from private.app_settings where key = 'rate_limits';
  if v_limit is null or p_key is null then
    raise sqlstate 'PT400' using message = 'UNKNOWN_RATE_LIMIT';
  end if;
  v_now := private.clock();
  v_window_start := date_bin(
    (v_limit ->> 'window_s')::integer * interval '1 second', v_now, 'epoch'
  );

  -- Beyond the limit, a further call changes no row and so writes no row version.
  insert into private.rate_limits as seen (key, window_start, count)
  values (p_action || ':' || p_key, v_window_start, 1)
  on conflict (key, window_start) do update
  set count = seen.count + 1
  where seen.count < (v_limit ->> 'max')::integer;
  if found then
    return 0;
  end if;
  return (v_limit ->> 'window_s')::bigint * 1000
    - floor(extract(epoch from v_now - v_window_start) * 1000);
end;
$$;
comment on function private.count_use is 'Count one use of an action under a key. Return 0 within the limit, otherwise the milliseconds until the next window.';
