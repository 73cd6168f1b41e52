-- This migration makes bids work: maximums, prices, increments, and the log of all bids.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Bidding: functions.

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

create function private.append_bid_log(
  p_auction_id uuid, p_kind text, p_record jsonb, p_now timestamptz
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_last constant private.bid_log := private.continued_log(p_auction_id, p_now);
begin
  perform private.insert_log_row(
    p_auction_id, v_last.seq, v_last.hash, p_kind,
    private.canonical_json(p_record || jsonb_build_object('at', private.log_time(p_now))),
    null, null, null, null, v_last.bidder_count, v_last.rules_hash, p_now
  );
end;
$$;
comment on function private.append_bid_log is 'Add an event that is no bid to the log of an auction: its kind, its facts and the time. The caller holds the auction''s row lock.';

create function private.continued_log(p_auction_id uuid, p_now timestamptz)
returns private.bid_log
language plpgsql
set search_path = ''
as $$
declare
  v_rules private.bidding_rules;
  v_last private.bid_log;
begin
  select * into v_rules from private.bidding_rules;
  select * into v_last from private.bid_log where auction_id = p_auction_id
  order by seq desc limit 1;
  if v_last.seq is null then
    perform private.start_bid_log(p_auction_id, p_now);
  elsif v_last.rules_hash <> v_rules.rules_hash then
    perform private.insert_log_row(
      p_auction_id, v_last.seq, v_last.hash, 'rules',
      private.canonical_json(
        private.published_rules(v_rules.rules) || jsonb_build_object('at', private.log_time(p_now))
      ),
      null, null, null, null, v_last.bidder_count, v_rules.rules_hash, p_now
    );
  else
    return v_last;
  end if;
  select * into v_last from private.bid_log where auction_id = p_auction_id
  order by seq desc limit 1;
  return v_last;
end;
$$;
comment on function private.continued_log is 'Return the last row of an auction''s log. Before that, start a log that is missing, and state rules that have changed.';

create function private.continued_standing(p_standing private.standing, p_now timestamptz)
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
  select max(seq) into v_standing.last_seq from public.bids
  where auction_id = p_standing.auction_id;
  return v_standing;
end;
$$;
comment on function private.continued_standing is 'Continue the log of an auction as continued_log does, and return the standing with the new end of the log.';

create function private.start_bid_log(p_auction_id uuid, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_rules private.bidding_rules;
  v_salt text := private.random_salt();
  v_reserve_cents bigint;
  v_commitment bytea;
  v_record jsonb;
  v_bidder_count integer;
begin
  select * into v_rules from private.bidding_rules;
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
      v_record || private.published_rules(v_rules.rules)
      || jsonb_build_object('bidder_count', v_bidder_count, 'format', 'aussie-market-bid-log-1')
    ),
    v_commitment, v_reserve_cents, decode(v_salt, 'hex'), null, v_bidder_count,
    v_rules.rules_hash, p_now
  );
end;
$$;
comment on function private.start_bid_log is 'Write the first row of an auction''s log: the rules, the times, and a commitment to the reserve. It is written when the auction becomes live; after that the reserve cannot change.';

create function private.insert_log_row(
  p_auction_id uuid, p_last_seq integer, p_last_hash bytea, p_kind text, p_record text,
  p_commitment bytea, p_sealed_cents bigint, p_salt bytea, p_bidder_number integer,
  p_bidder_count integer, p_rules_hash bigint, p_now timestamptz
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into private.bid_log (
    auction_id, seq, kind, record, commitment, hash, previous_hash, sealed_cents, salt,
    bidder_number, bidder_count, rules_hash, created_at
  )
  values (
    p_auction_id, p_last_seq + 1, p_kind, p_record::jsonb, p_commitment,
    sha256(convert_to(
      '{"auction_id":"' || p_auction_id
      || '","commitment":' || coalesce('"' || encode(p_commitment, 'hex') || '"', 'null')
      || ',"kind":"' || p_kind
      || '","previous_hash":' || coalesce('"' || encode(p_last_hash, 'hex') || '"', 'null')
      || ',"record":' || p_record || ',"seq":' || p_last_seq + 1 || '}',
      'UTF8'
    )),
    p_last_hash, p_sealed_cents, p_salt, p_bidder_number, p_bidder_count, p_rules_hash, p_now
  );
end;
$$;
comment on function private.insert_log_row is 'Chain a row to the last one by its hash. The record is canonical JSON.';

create function private.canonical_json(p_record jsonb)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- The values are numbers, booleans, nulls, texts without a space or an escape, and arrays of
  -- these. So without its spaces the text of a value is canonical.
  return (
    select '{' || string_agg(
      '"' || field.key || '":' || replace(field.value::text, ' ', ''),
      ',' order by field.key collate "C"
    ) || '}'
    from jsonb_each(p_record) as field
  );
end;
$$;
comment on function private.canonical_json is 'Return a record of the bid log as canonical JSON (RFC 8785): no spaces, keys in the order of their bytes.';

create function private.log_time(p_at timestamptz)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return to_char(p_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
end;
$$;
comment on function private.log_time is 'Return a time as the bid log writes it: in UTC, with six digits of a second.';

create function private.random_salt()
returns text
language plpgsql
set search_path = ''
as $$
begin
  return encode(extensions.gen_random_bytes(16), 'hex');
end;
$$;
comment on function private.random_salt is 'Return 128 random bits in hexadecimal.';

create function private.reserve_state(
  p_reserve_cents bigint, p_price_cents bigint, p_unlifted_cents bigint
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_reserve_cents is null then 'none'
    when p_price_cents < p_reserve_cents then 'unmet'
    when p_unlifted_cents < p_reserve_cents then 'lifted'
    else 'met'
  end;
end;
$$;
comment on function private.reserve_state is 'Return none, unmet, met, or lifted: the price is the reserve, and without it the price would be p_unlifted_cents.';

create function private.published_rules(p_rules jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_rules - array['bid_increments', 'strike_block_threshold'] || jsonb_build_object(
    'increments', (
      select jsonb_agg(
        jsonb_build_array(rung.value -> 'below_cents', rung.value -> 'step_cents') order by rung.place
      )
      from jsonb_array_elements(p_rules -> 'bid_increments') with ordinality as rung (value, place)
    )
  );
end;
$$;
comment on function private.published_rules is 'Return the rules that decide about prices and ends, as the bid log states them.';

create function private.get_bid_log(p_auction_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_status constant public.auction_status := (
    select status from public.auctions where id = p_auction_id
  );
begin
  if v_status is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  elsif v_status = 'cancelled' then
    return private.refusal('AUCTION_CANCELLED', 'Auction was cancelled');
  elsif v_status not in ('finalized', 'no_sale') then
    return private.refusal('AUCTION_NOT_OVER', 'Auction is not over yet');
  end if;
  return jsonb_build_object(
    'success', true,
    'auction_id', p_auction_id,
    'rows', (
      select coalesce(jsonb_agg(
        jsonb_build_object(
          'seq', b.seq,
          'kind', b.kind,
          'record', b.record,
          'commitment', encode(b.commitment, 'hex'),
          'opened', case when opened.seq is not null then private.opening(b) end,
          'previous_hash', encode(b.previous_hash, 'hex'),
          'hash', encode(b.hash, 'hex')
        )
        order by b.seq
      ), '[]')
      from private.bid_log as b
      left join private.opened_log_rows(p_auction_id) as opened on opened.seq = b.seq
      where b.auction_id = p_auction_id
    )
  );
end;
$$;
comment on function private.get_bid_log is 'Return the log of a closed auction, or a refusal while it runs or where it was cancelled.';
grant execute on function private.get_bid_log to anon, authenticated;

create function private.opened_log_rows(p_auction_id uuid)
returns table (seq integer)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with log as (
    select b.* from private.bid_log as b
    -- A log that began after the first bid lacks maxima, so it opens none.
    where b.auction_id = p_auction_id and not exists (
      select from private.bid_log as first
      where first.auction_id = p_auction_id and first.seq = 1
        and first.record -> 'bids_before' <> '0'
    )
  ), withdrawn as (
    select jsonb_array_elements(log.record -> 'bidders')::integer as bidder_number
    from log where log.kind = 'withdrawal'
  ), ranked as (
    -- A maximum leads if it is above all earlier ones. A withdrawn maximum beats none and stays
    -- sealed.
    select
      log.seq, log.bidder_number, log.sealed_cents > coalesce(max(log.sealed_cents) over (
        order by log.seq rows between unbounded preceding and 1 preceding
      ), 0) as leads
    from log
    where
      log.kind in ('bid', 'raise', 'sealed')
      and log.bidder_number not in (select withdrawn.bidder_number from withdrawn)
  ), beaten as (
    select
      ranked.seq, ranked.leads, ranked.bidder_number,
      lead(ranked.bidder_number) over (partition by ranked.leads order by ranked.seq) as next_number
    from ranked
  )
  select beaten.seq from beaten
  where not beaten.leads or beaten.next_number <> beaten.bidder_number
  union all
  select 1 from log
  having max(log.seq) filter (where log.record ->> 'reserve' = 'lifted')
    > coalesce(max(log.seq) filter (where log.record ->> 'reserve' = 'unmet'), 0);
end;
$$;
comment on function private.opened_log_rows is 'Return the rows whose sealed amount may be known: maxima that another bidder has beaten, and the reserve if the price was lifted to it. Maxima that lead, that their own bidder raised, or that were withdrawn stay sealed.';

create function private.opening(p_row private.bid_log)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_row.kind = 'start' then
    return jsonb_build_object(
      'reserve_cents', p_row.sealed_cents, 'salt', encode(p_row.salt, 'hex')
    );
  end if;
  return jsonb_build_object(
    'at', private.log_time(p_row.created_at),
    'bidder', p_row.bidder_number,
    'max_cents', p_row.sealed_cents,
    'salt', encode(p_row.salt, 'hex')
  );
end;
$$;
comment on function private.opening is 'Return the values behind a commitment. With the auction''s id they are the text that it hashes.';

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
  v_lock := pg_advisory_xact_lock(uuid_hash(p_bidder_id), uuid_hash(p_client_bid_id));
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

create function private.purge_bid_receipts(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_reached constant timestamptz := coalesce(
    (select reached_at from private.reading_positions where list = 'expired_bid_receipts'),
    '-infinity'
  );
  v_last timestamptz;
  v_count integer;
begin
  -- A bid on a closed auction is refused, so a repeat without its receipt has no effect. Auctions
  -- before the position have no receipts any more, so no run looks at them again.
  with expired as (
    select receipt.bidder_id, receipt.client_bid_id, auction.finalized_at
    from public.auctions as auction
    join private.bid_receipts as receipt on auction.id = receipt.auction_id
    where auction.finalized_at >= v_reached and auction.finalized_at < p_before
    order by auction.finalized_at
    limit p_max_rows
  ), purged as (
    delete from private.bid_receipts as receipt using expired
    where
      receipt.bidder_id = expired.bidder_id and receipt.client_bid_id = expired.client_bid_id
  )
  select max(finalized_at), count(*) into v_last, v_count from expired;
  if v_last is not null then
    perform private.advance_reading(
      'expired_bid_receipts', floor(extract(epoch from v_last))::bigint
    );
  end if;
  return v_count;
end;
$$;
comment on function private.purge_bid_receipts is 'Delete the receipts of bids on auctions that were closed before a time. Return their number.';

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

create function private.withdraw_bids(
  p_auction_id uuid, p_bidder_ids uuid[], p_actor_id uuid, p_reason text
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_ladder jsonb;
  v_before public.auctions;
  v_after public.auctions;
  v_ranking record;
  v_numbers jsonb;
  v_now timestamptz;
begin
  select * into v_before from public.auctions where id = p_auction_id for no key update;
  v_now := private.clock();
  -- A bidder without a maximum has no bid here, or all of them were withdrawn before.
  if v_before.status is distinct from 'live' or not exists (
    select from private.proxy_bids
    where auction_id = p_auction_id and bidder_id = any(p_bidder_ids)
  ) then
    return false;
  end if;
  -- Continue the log first, so that each bidder has a number.
  perform private.continued_log(p_auction_id, v_now);
  -- Read the increments after the lock. They are then the ones that the log states.
  v_ladder := private.setting('bid_increments');
  with withdrawn as (
    delete from private.proxy_bids
    where auction_id = p_auction_id and bidder_id = any(p_bidder_ids)
    returning bidder_id, bidder_number
  ), barred as (
    insert into private.bid_withdrawals (auction_id, bidder_id, actor_id, reason, withdrawn_at)
    select p_auction_id, bidder_id, p_actor_id, p_reason, v_now from withdrawn
  )
  select jsonb_agg(bidder_number order by bidder_number) into v_numbers from withdrawn;

  select * into v_ranking from private.ranked_maxima(v_before.listing_id, p_auction_id, v_ladder);
  v_after := private.lower_auction(
    v_before, p_bidder_ids, v_ranking.leader_id, v_ranking.price_cents,
    v_ranking.reserve in ('none', 'met', 'lifted'), v_ladder, v_now
  );
  perform private.append_bid_log(
    p_auction_id,
    'withdrawal',
    jsonb_build_object(
      'bidders', v_numbers, 'leader', v_ranking.leader_number,
      'price_cents', v_ranking.price_cents, 'reserve', v_ranking.reserve
    ),
    v_now
  );
  perform private.notify_of_withdrawal(v_before, v_after);
  return true;
end;
$$;
comment on function private.withdraw_bids is 'Withdraw all bids of these bidders from a live auction and bar the bidders from it. Leader and price follow from the maxima that remain. Return false if there was nothing to withdraw. No other function lowers a price.';

create function private.ranked_maxima(
  p_listing_id uuid, p_auction_id uuid, p_ladder jsonb,
  out leader_id uuid, out leader_number integer, out price_cents bigint, out reserve text
)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_start_cents bigint;
  v_reserve_cents bigint;
  v_top record;
begin
  select l.start_cents, secret.reserve_cents into v_start_cents, v_reserve_cents
  from public.listings as l
  left join private.listing_private as secret on secret.listing_id = l.id
  where l.id = p_listing_id;
  -- The highest maximum leads, against the second highest. Of equal maxima the earlier leads. If
  -- both were set in the same microsecond, the bidder with the earlier bid leads.
  select
    p.bidder_id, p.bidder_number, p.max_cents, b.amount_cents as open_cents,
    lead(p.max_cents) over ranking as next_cents
  into v_top
  from private.proxy_bids as p
  cross join lateral (
    select amount_cents, seq from public.bids
    where
      auction_id = p.auction_id and bidder_id = p.bidder_id and accepted and not is_proxy
    order by seq desc limit 1
  ) as b
  where p.auction_id = p_auction_id
  window ranking as (order by p.max_cents desc, p.max_set_at, b.seq)
  order by p.max_cents desc, p.max_set_at, b.seq
  limit 1;
  leader_id := v_top.bidder_id;
  leader_number := v_top.bidder_number;
  price_cents := v_start_cents;
  if leader_id is not null then
    price_cents := private.price_after_bid(
      v_top.next_cents, v_top.open_cents, v_top.max_cents, v_reserve_cents, p_ladder
    );
  end if;
  reserve := private.reserve_state(
    v_reserve_cents,
    price_cents,
    private.price_after_bid(v_top.next_cents, v_top.open_cents, v_top.max_cents, null, p_ladder)
  );
end;
$$;
comment on function private.ranked_maxima is 'Return leader and price as they follow from the maxima of an auction and its reserve.';

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

-- Bidding: RPCs.

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

create function public.get_bid_log(auction_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  -- This reads with the caller's rights, so an auction that row security hides becomes null.
  return private.get_bid_log(
    (select a.id from public.auctions as a where a.id = get_bid_log.auction_id)
  );
end;
$$;
comment on function public.get_bid_log is 'The log of a closed auction, for anyone to check; see bid-log.md. Answers success, auction_id, rows (seq, kind, record, commitment, opened, previous_hash, hash). Refusals: AUCTION_NOT_FOUND, also for an auction that the caller may not read; AUCTION_NOT_OVER; AUCTION_CANCELLED.';
grant execute on function public.get_bid_log to anon, authenticated;

-- Bidding: grants and row level security.

alter table public.bids enable row level security;
-- Realtime sends service_role only the changes of columns that it may select.
grant select (
  id, auction_id, bidder_id, amount_cents, max_proxy_cents, is_proxy, accepted, placed_at, seq,
  created_at
) on public.bids to anon, authenticated, service_role;

create policy everyone_reads_bids_with_their_auction on public.bids
for select to anon, authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all auctions.
using ((
  select true from public.auctions
  where auctions.id = bids.auction_id
));
comment on policy everyone_reads_bids_with_their_auction on public.bids is 'Amounts are public, maxima are not. Writing goes through place_bid.';

alter table private.proxy_bids enable row level security;

alter table private.bid_receipts enable row level security;

alter table private.bid_withdrawals enable row level security;

alter table private.bid_log enable row level security;

alter table private.bidding_rules enable row level security;

-- Bidding: triggers.

create trigger bid_log_refuse_change
before update or delete or truncate on private.bid_log
for each statement execute function private.refuse_change();

create trigger app_settings_store_bidding_rules
after insert or update or delete on private.app_settings
for each statement execute function private.store_bidding_rules();
-- This changes no setting, but runs the trigger, which stores the first row.
update private.app_settings set value = value
where false;
