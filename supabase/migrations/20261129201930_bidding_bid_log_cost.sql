set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.random_salt;

create or replace function private.log_bid(
  p_before private.standing, p_after private.standing, p_bid_seq integer, p_end_at timestamptz,
  p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_salt constant text := private.random_salt();
  -- This is the form of private.log_time, whose call would cost more.
  v_at constant text := to_char(p_now at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
  v_commitment constant bytea := sha256(convert_to(format(
    '{"at":"%s","auction_id":"%s","bidder":%s,"max_cents":%s,"salt":"%s"}',
    v_at, p_before.auction_id, p_after.bidder_number, p_max_cents, v_salt
  ), 'UTF8'));
  -- A raise that moves no price is invisible while the auction runs. Its row states nothing, so it
  -- reveals as little as possible afterwards.
  v_kind text := 'sealed';
  v_record text := '{}';
begin
  if p_after.high_bid_id is distinct from p_before.high_bid_id then
    v_kind := case when p_before.leader_id = p_before.bidder_id then 'raise' else 'bid' end;
    v_record := format(
      case
        when p_before.leader_id = p_before.bidder_id then '{' else '{"amount_cents":%1$s,'
      end
      || '"at":"%2$s","bid_seq":%3$s,"bidder":%4$s,"end_at":"%5$s","leader":%6$s,'
      || '"price_cents":%7$s,"reserve":"%8$s"}',
      p_amount_cents, v_at, p_bid_seq, p_after.bidder_number,
      to_char(p_end_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      case
        when p_after.leader_id = p_before.bidder_id then p_after.bidder_number
        else p_before.leader_number
      end,
      p_after.price_cents,
      case when p_before.reserve_cents is null then 'none' else private.reserve_state(
        p_before.reserve_cents,
        p_after.price_cents,
        case when v_kind = 'raise' then p_before.price_cents else private.price_after_bid(
          p_before.leader_max_cents, p_amount_cents, p_max_cents, null,
          p_before.rules -> 'bid_increments'
        ) end
      ) end
    );
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
    p_before.log_hash, p_max_cents, decode(v_salt, 'hex'), p_after.bidder_number,
    greatest(p_before.bidder_count, p_after.bidder_number), p_before.log_rules_hash, p_now
  );
  return jsonb_build_object('hash', encode(v_commitment, 'hex'), 'salt', v_salt);
end;
$$;

create or replace function private.continued_log(p_auction_id uuid, p_now timestamptz)
returns private.bid_log
language plpgsql
set search_path = ''
as $$
declare
  v_rules constant jsonb := private.bidding_rules();
  v_rules_hash constant bigint := jsonb_hash_extended(v_rules, 0);
  v_last private.bid_log;
begin
  select * into v_last from private.bid_log where auction_id = p_auction_id
  order by seq desc limit 1;
  if v_last.seq is null then
    perform private.start_bid_log(p_auction_id, p_now);
  elsif v_last.rules_hash <> v_rules_hash then
    perform private.insert_log_row(
      p_auction_id, v_last.seq, v_last.hash, 'rules',
      private.canonical_json(
        private.published_rules(v_rules) || jsonb_build_object('at', private.log_time(p_now))
      ),
      null, null, null, null, v_last.bidder_count, v_rules_hash, p_now
    );
  else
    return v_last;
  end if;
  select * into v_last from private.bid_log where auction_id = p_auction_id
  order by seq desc limit 1;
  return v_last;
end;
$$;

create or replace function private.continued_standing(p_standing private.standing, p_now timestamptz)
returns private.standing
language plpgsql
set search_path = ''
as $$
declare
  v_last constant private.bid_log := private.continued_log(p_standing.auction_id, p_now);
  v_standing private.standing := p_standing;
begin
  v_standing.log_seq := v_last.seq;
  v_standing.log_hash := v_last.hash;
  v_standing.log_rules_hash := v_last.rules_hash;
  v_standing.bidder_count := v_last.bidder_count;
  select bidder_number into v_standing.leader_number from private.proxy_bids
  where auction_id = p_standing.auction_id and bidder_id = p_standing.leader_id;
  return v_standing;
end;
$$;

create or replace function private.start_bid_log(p_auction_id uuid, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_rules constant jsonb := private.bidding_rules();
  v_salt text := private.random_salt();
  v_reserve_cents bigint;
  v_commitment bytea;
  v_record jsonb;
  v_bidder_count integer;
begin
  -- An auction that was live before logs existed has bidders without a number.
  update private.proxy_bids as p set bidder_number = ranked.number
  from (
    select bidder_id, row_number() over (order by min(seq)) as number from public.bids
    where auction_id = p_auction_id group by bidder_id
  ) as ranked
  where p.auction_id = p_auction_id and p.bidder_id = ranked.bidder_id;

  select
    secret.reserve_cents,
    (select count(distinct b.bidder_id) from public.bids as b where b.auction_id = a.id),
    jsonb_build_object(
      'at', private.log_time(p_now),
      'start_at', private.log_time(a.start_at),
      'end_at', private.log_time(a.end_at),
      'scheduled_end_at', private.log_time(a.scheduled_end_at),
      'price_cents', a.current_price_cents,
      'min_next_bid_cents', a.min_next_bid_cents,
      'bids_before', a.bid_count,
      'leader', leader.bidder_number,
      'reserve', private.reserve_state(
        secret.reserve_cents, a.current_price_cents, a.current_price_cents
      )
    )
  into v_reserve_cents, v_bidder_count, v_record
  from public.auctions as a
  left join private.listing_private as secret on secret.listing_id = a.listing_id
  left join private.proxy_bids as leader
    on leader.auction_id = a.id and leader.bidder_id = a.high_bidder_id
  where a.id = p_auction_id;

  if v_reserve_cents is null then
    v_salt := null;
  else
    v_commitment := sha256(convert_to(
      '{"auction_id":"' || p_auction_id || '","reserve_cents":' || v_reserve_cents
      || ',"salt":"' || v_salt || '"}',
      'UTF8'
    ));
  end if;
  perform private.insert_log_row(
    p_auction_id, 0, null, 'start',
    private.canonical_json(
      v_record || private.published_rules(v_rules)
      || jsonb_build_object('bidder_count', v_bidder_count, 'format', 'aussie-market-bid-log-1')
    ),
    v_commitment, v_reserve_cents, decode(v_salt, 'hex'), null, v_bidder_count,
    jsonb_hash_extended(v_rules, 0), p_now
  );
end;
$$;

create function private.random_salt()
returns text
language plpgsql
set search_path = ''
as $$
begin
  -- These are the digits of an id that are random. gen_random_uuid uses a strong source.
  return left(gen_random_uuid()::text, 8) || right(gen_random_uuid()::text, 12)
    || right(gen_random_uuid()::text, 12);
end;
$$;

comment on function private.random_salt is 'Return 128 random bits in hexadecimal.';

create or replace function private.place_bid(
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

create or replace function private.raise_maximum(
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
