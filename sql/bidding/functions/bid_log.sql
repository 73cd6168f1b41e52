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
