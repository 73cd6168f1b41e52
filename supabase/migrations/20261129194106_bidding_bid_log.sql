set lock_timeout = '2s';
set statement_timeout = '30s';

alter table private.proxy_bids add column bidder_number integer;
comment on column private.proxy_bids.bidder_number is 'The bidder''s name in the bid log: bidders are numbered in the order of their first bids.';

create table private.bid_log (
  auction_id uuid not null,
  seq integer not null,
  kind text not null,
  record jsonb not null,
  commitment bytea,
  hash bytea not null,
  previous_hash bytea,
  sealed_cents bigint,
  salt bytea,
  bidder_number integer,
  bidder_count integer not null,
  rules_hash bigint not null,
  created_at timestamptz not null default now(),
  constraint bid_log_pkey primary key (auction_id, seq),
  constraint bid_log_auction_id_fkey foreign key (auction_id) references public.auctions (id),
  constraint bid_log_kind_is_known check (
    kind in ('start', 'rules', 'bid', 'raise', 'sealed', 'withdrawal', 'extension', 'close')
  ),
  constraint bid_log_first_row_has_no_previous check (
    (seq = 1) = (previous_hash is null) and (seq = 1) = (kind = 'start')
  ),
  constraint bid_log_seal_is_complete check (num_nulls(commitment, sealed_cents, salt) in (0, 3)),
  constraint bid_log_hashes_have_their_length check (
    length(hash) = 32 and length(previous_hash) = 32 and length(commitment) = 32
    and length(salt) = 16
  )
);

comment on table private.bid_log is 'The history of each auction as a chain of hashes. Rows are added under the auction''s lock and never changed. get_bid_log publishes the first seven columns after the close.';

comment on column private.bid_log.commitment is 'SHA-256 over the sealed amount and the salt, so the amount cannot be changed later.';

comment on column private.bid_log.previous_hash is 'The hash of the row before; null in the first row.';

comment on column private.bid_log.sealed_cents is 'The amount behind the commitment: the bidder''s maximum; in the first row, the reserve.';

comment on column private.bid_log.bidder_number is 'The bidder. A number names no user, so the log holds no personal data.';

comment on column private.bid_log.bidder_count is 'The number of bidders up to this row.';

comment on column private.bid_log.rules_hash is 'A hash of the settings in force. If they change, the next row states the new ones.';

comment on column private.bid_log.created_at is 'The time that the row states or seals.';

alter type private.standing add attribute leader_number integer;
alter type private.standing add attribute bidder_number integer;
alter type private.standing add attribute bidder_count integer;
alter type private.standing add attribute log_seq integer;
alter type private.standing add attribute log_hash bytea;
alter type private.standing add attribute log_rules_hash bigint;

create or replace function private.close_auction(p_auction public.auctions, p_now timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
begin
  select * into v_listing from public.listings where id = p_auction.listing_id;
  if private.is_suspended(v_listing.seller_id) then
    perform private.cancel_auction(p_auction.id, p_now);
    return jsonb_build_object(
      'success', true, 'status', 'cancelled', 'message', 'The seller is suspended'
    );
  end if;
  perform private.withdraw_suspended_bids(p_auction.id);
  update public.auctions
  set
    status = case
      when high_bidder_id is not null and reserve_met
        then 'finalized'::public.auction_status
      else 'no_sale'
    end,
    finalized_at = p_now,
    version = version + 1,
    updated_at = p_now
  where id = p_auction.id
  returning * into v_auction;
  update public.listings set status = 'ended', updated_at = p_now where id = v_listing.id;
  perform private.log_close(v_auction, p_now);
  if v_auction.status = 'finalized' then
    perform private.open_order(v_auction, p_now);
  else
    perform private.notify(
      v_listing.seller_id,
      'auction_no_sale',
      'Your auction ended without a sale',
      left(v_listing.title, 100) || ' was not sold. You can list it again.',
      jsonb_build_object('auction_id', v_auction.id, 'listing_id', v_listing.id),
      'auction_no_sale:' || v_auction.id
    );
  end if;
  delete from private.finalize_failures where auction_id = v_auction.id;
  return private.closing_answer(v_auction);
end;
$$;

create function private.log_close(p_auction public.auctions, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.append_bid_log(
    p_auction.id,
    'close',
    jsonb_build_object(
      'outcome', p_auction.status,
      'winner', case when p_auction.status = 'finalized' then (
        select bidder_number from private.proxy_bids
        where auction_id = p_auction.id and bidder_id = p_auction.high_bidder_id
      ) end,
      'price_cents', p_auction.current_price_cents,
      'is_forced', p_auction.end_at > p_now
    ),
    p_now
  );
end;
$$;

comment on function private.log_close is 'Add the last row to the log of an auction: outcome, winner and price.';

create or replace function private.open_auction(
  p_listing public.listings, p_has_no_reserve boolean, p_now timestamptz
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_auction_id uuid;
begin
  insert into public.auctions (
    listing_id, status, start_at, end_at, scheduled_end_at, current_price_cents,
    min_next_bid_cents, reserve_met, created_at, updated_at
  )
  values (
    p_listing.id, p_listing.status::text::public.auction_status, p_listing.start_at,
    p_listing.end_at, p_listing.end_at, p_listing.start_cents, p_listing.start_cents,
    p_has_no_reserve, p_now, p_now
  )
  returning id into v_auction_id;
  if p_listing.status = 'live' then
    perform private.start_bid_log(v_auction_id, p_now);
  end if;
  return v_auction_id;
end;
$$;

create or replace function private.activate(p_auction_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_grace constant interval := private.setting('activation_grace_s')::integer
    * interval '1 second';
  v_auction public.auctions;
  v_delay interval;
  v_now timestamptz;
begin
  select * into v_auction from public.auctions where id = p_auction_id for no key update;
  v_now := private.clock();
  -- Compute the delay in seconds, because an interval with days depends on the session's time zone.
  v_delay := extract(epoch from v_now - v_auction.start_at) * interval '1 second';
  if v_delay <= v_grace then
    v_delay := '0';
  end if;
  update public.auctions
  set
    status = 'live',
    end_at = end_at + v_delay,
    scheduled_end_at = scheduled_end_at + v_delay,
    version = version + 1,
    updated_at = v_now
  where id = p_auction_id;
  update public.listings
  set status = 'live', end_at = v_auction.end_at + v_delay, updated_at = v_now
  where id = v_auction.listing_id;
  perform private.start_bid_log(p_auction_id, v_now);
  delete from private.finalize_failures where auction_id = p_auction_id;
end;
$$;

create function private.log_bid(
  p_before private.standing, p_after private.standing, p_bid_seq integer, p_end_at timestamptz,
  p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_is_raise constant boolean := coalesce(p_before.leader_id = p_before.bidder_id, false);
  v_at constant text := private.log_time(p_now);
  v_salt constant bytea := private.random_salt();
  v_commitment bytea;
  -- A raise that moves no price is invisible while the auction runs. Its row states nothing, so it
  -- reveals as little as possible afterwards.
  v_kind text := 'sealed';
  v_record text := '{}';
begin
  v_commitment := sha256(convert_to(
    '{"at":"' || v_at || '","auction_id":"' || p_before.auction_id
    || '","bidder":' || p_before.bidder_number || ',"max_cents":' || p_max_cents
    || ',"salt":"' || encode(v_salt, 'hex') || '"}',
    'UTF8'
  ));
  if p_after.high_bid_id is distinct from p_before.high_bid_id then
    v_kind := case when v_is_raise then 'raise' else 'bid' end;
    v_record := '{' || case
        when v_is_raise then '"at":"' else '"amount_cents":' || p_amount_cents || ',"at":"'
      end || v_at || '","bid_seq":' || p_bid_seq || ',"bidder":' || p_before.bidder_number
      || ',"end_at":"' || private.log_time(p_end_at) || '","leader":' || case
        when p_after.leader_id = p_before.bidder_id then p_before.bidder_number
        else p_before.leader_number
      end || ',"price_cents":' || p_after.price_cents || ',"reserve":"' || private.reserve_state(
        p_before.reserve_cents,
        p_after.price_cents,
        case
          when p_after.price_cents is distinct from p_before.reserve_cents then p_after.price_cents
          when v_is_raise then p_before.price_cents
          else private.price_after_bid(
            p_before.leader_max_cents, p_amount_cents, p_max_cents, null,
            p_before.rules -> 'bid_increments'
          )
        end
      ) || '"}';
  end if;
  perform private.insert_log_row(
    p_before.auction_id, p_before.log_seq, p_before.log_hash, v_kind, v_record, v_commitment,
    p_max_cents, v_salt, p_before.bidder_number,
    greatest(p_before.bidder_count, p_before.bidder_number), p_before.log_rules_hash, p_now
  );
  return jsonb_build_object('hash', encode(v_commitment, 'hex'), 'salt', encode(v_salt, 'hex'));
end;
$$;

comment on function private.log_bid is 'Add an accepted bid to the log, and return the part of the receipt that proves it: the commitment and its salt. Both follow from the bid alone, so a receipt reveals nothing about other rows.';

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
  v_rules constant jsonb := private.bidding_rules();
  v_rules_hash constant bigint := hashtextextended(v_rules::text, 0);
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
  select bidder_number into v_standing.bidder_number from private.proxy_bids
  where auction_id = p_standing.auction_id and bidder_id = p_standing.bidder_id;
  v_standing.bidder_number := coalesce(v_standing.bidder_number, v_last.bidder_count + 1);
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
  v_rules constant jsonb := private.bidding_rules();
  v_salt bytea := private.random_salt();
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
      || ',"salt":"' || encode(v_salt, 'hex') || '"}',
      'UTF8'
    ));
  end if;
  perform private.insert_log_row(
    p_auction_id, 0, null, 'start',
    private.canonical_json(
      v_record || private.published_rules(v_rules)
      || jsonb_build_object('bidder_count', v_bidder_count, 'format', 'aussie-market-bid-log-1')
    ),
    v_commitment, v_reserve_cents, v_salt, null, v_bidder_count,
    hashtextextended(v_rules::text, 0), p_now
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
returns bytea
language plpgsql
set search_path = ''
as $$
begin
  -- Two random ids have 244 random bits. Their hash spreads them over its 128 first bits.
  return substring(
    sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) from 1 for 16
  );
end;
$$;

comment on function private.random_salt is 'Return 128 random bits from the server''s strong random source.';

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

create function private.bidding_rules()
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

comment on function private.bidding_rules is 'Return the settings that a standing holds. place_bid reads the same ones in its own statement, which costs less.';

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
      select jsonb_agg(
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
      )
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
  ), ranked as (
    -- A maximum leads if it is above all earlier ones. A withdrawn maximum beats none and stays
    -- sealed.
    select
      log.seq, log.bidder_number, log.sealed_cents > coalesce(max(log.sealed_cents) over (
        order by log.seq rows between unbounded preceding and 1 preceding
      ), 0) as leads
    from log
    where log.kind in ('bid', 'raise', 'sealed') and not exists (
      select from log as withdrawal
      where withdrawal.kind = 'withdrawal'
        and withdrawal.record -> 'bidders' @> to_jsonb(log.bidder_number)
    )
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
    leader.bidder_number, coalesce(own.bidder_number, log.bidder_count + 1), log.bidder_count,
    log.seq, log.hash, log.rules_hash
  into v_standing
  from public.auctions as a
  join public.listings as l on l.id = a.listing_id
  join public.users as seller on seller.id = l.seller_id
  left join private.listing_private as secret on secret.listing_id = a.listing_id
  left join private.proxy_bids as leader
    on leader.auction_id = a.id and leader.bidder_id = a.high_bidder_id
  left join private.proxy_bids as own
    on own.auction_id = a.id and own.bidder_id = v_bidder_id
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
  if v_standing.log_rules_hash is distinct from hashtextextended(v_standing.rules::text, 0) then
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
    p_standing.auction_id, p_standing.bidder_id, p_max_cents, p_now, p_standing.bidder_number
  )
  on conflict (auction_id, bidder_id) do update
  set max_cents = excluded.max_cents, max_set_at = excluded.max_set_at;

  v_after.bid_count := p_standing.bid_count + 1;
  return private.finish_bid(
    p_standing, v_after, v_bid_id, v_seq, p_amount_cents, p_max_cents, p_now
  );
end;
$$;

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

create or replace function private.withdraw_bids(
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
  v_ranking record;
  v_numbers jsonb;
  v_now timestamptz;
begin
  select * into v_before from public.auctions where id = p_auction_id for no key update;
  v_now := private.clock();
  if v_before.status is distinct from 'live' then
    return false;
  end if;
  -- Continue the log first, so that each bidder has a number.
  perform private.continued_log(p_auction_id, v_now);
  -- A bidder without a maximum has no bid here, or all of them were withdrawn before.
  with withdrawn as (
    delete from private.proxy_bids
    where auction_id = p_auction_id and bidder_id = any(p_bidder_ids)
    returning bidder_id, bidder_number
  ), barred as (
    insert into private.bid_withdrawals (auction_id, bidder_id, actor_id, reason, withdrawn_at)
    select p_auction_id, bidder_id, p_actor_id, p_reason, v_now from withdrawn
  )
  select jsonb_agg(bidder_number order by bidder_number) into v_numbers from withdrawn;
  if v_numbers is null then
    return false;
  end if;

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

alter table private.bid_log enable row level security;

create trigger bid_log_refuse_change
before update or delete or truncate on private.bid_log
for each statement execute function private.refuse_change();
