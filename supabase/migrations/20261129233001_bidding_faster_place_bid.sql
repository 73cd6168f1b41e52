set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.bidding_rules;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.use_rate_limit;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.log_bid;

create table private.bidding_rules (
  is_only boolean not null default true,
  rules jsonb not null,
  rules_hash bigint not null generated always as (jsonb_hash_extended(rules, 0)) stored,
  constraint bidding_rules_pkey primary key (is_only),
  constraint bidding_rules_has_one_row check (is_only)
);

comment on table private.bidding_rules is 'The settings that decide about bids, in one row: each bid reads them. A trigger on the settings keeps them in step.';

comment on column private.bidding_rules.rules_hash is 'The bid log compares it, and states the rules when it has changed.';

alter type private.standing add attribute rules_hash bigint;

create function private.use_rate_limit(p_action text, p_user_id uuid default auth.uid())
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_checked text;
  v_wait_ms bigint;
begin
  -- This is an assignment, because `perform` would start the executor.
  v_checked := private.refuse_filtered_call();
  v_wait_ms := private.count_use(p_action, p_user_id::text);
  if v_wait_ms = 0 then
    return null;
  end if;
  return private.refusal('RATE_LIMITED', 'Too many requests. Please slow down.')
    || jsonb_build_object('retry_after_ms', v_wait_ms);
end;
$$;

comment on function private.use_rate_limit is 'Count one use of an action by a user, usually the signed-in one. Return null within the limit, otherwise the refusal RATE_LIMITED. Raises FILTER_REFUSED.';

create function private.log_bid(
  p_before private.standing, p_after private.standing, p_bid_seq integer, p_end_at timestamptz,
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
  -- A raise that moves no price is invisible while the auction runs. Its row states nothing, so it
  -- reveals as little as possible afterwards.
  v_kind text := 'sealed';
  v_record text := '{}';
  v_reserve text := 'none';
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
      to_char(p_end_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      case
        when p_after.leader_id = p_before.bidder_id then p_after.bidder_number
        else p_before.leader_number
      end,
      p_after.price_cents,
      v_reserve
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
    p_before.log_hash, p_max_cents, decode(p_salt, 'hex'), p_after.bidder_number,
    greatest(p_before.bidder_count, p_after.bidder_number), p_before.log_rules_hash, p_now
  );
  return encode(v_commitment, 'hex');
end;
$$;

comment on function private.log_bid is 'Add an accepted bid to the log and return its commitment, for the receipt. It follows from the bid and its salt alone, so a receipt reveals nothing about other rows.';

create or replace function private.continued_log(p_auction_id uuid, p_now timestamptz)
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
  select max(seq) into v_standing.last_seq from public.bids
  where auction_id = p_standing.auction_id;
  return v_standing;
end;
$$;

create or replace function private.start_bid_log(p_auction_id uuid, p_now timestamptz)
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

create or replace function private.random_salt()
returns text
language plpgsql
set search_path = ''
as $$
begin
  -- An id has 122 random bits from a strong source, so the hash of two has 128.
  return left(
    encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 32
  );
end;
$$;

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
      select max(seq) from public.bids
      where
        auction_id = p_auction_id and seq >= coalesce((log.record ->> 'bid_seq')::integer, 0)
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
  -- This is the form of private.random_salt, whose call would cost more.
  v_salt constant text := left(
    encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 32
  );
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
  -- jsonb keeps its keys by length and then by name. Keys in this order need no sorting.
  return jsonb_build_object(
    'seq', p_seq,
    'hash', private.log_bid(
      p_before, p_after, p_seq, v_end_at, p_amount_cents, p_max_cents, v_salt, p_now
    ),
    'salt', v_salt,
    'bid_id', p_bid_id,
    'end_at', v_end_at,
    'success', true,
    'version', v_version,
    'idempotent', false,
    'is_leading', p_after.leader_id = p_before.bidder_id,
    'new_end_at', v_end_at,
    'received_at', p_now,
    'reserve_met', v_reserve_met,
    'server_time', p_now,
    'amount_cents', p_amount_cents,
    'is_proxy_bid', p_max_cents > p_amount_cents,
    'time_left_ms', floor(extract(epoch from p_before.end_at - p_now) * 1000)::bigint,
    'outbid_previous', v_leader_changes,
    'extension_seconds', extract(epoch from v_end_at - p_before.end_at),
    'min_next_bid_cents', v_min_next_bid_cents,
    'previous_bidder_id', p_before.leader_id,
    'current_price_cents', p_after.price_cents,
    'previous_amount_cents',
    case when p_before.leader_id is not null then p_before.price_cents end
  );
end;
$$;

create or replace function private.stored_receipt(
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

create or replace function private.bid_refusal(
  p_standing private.standing, p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_blocked boolean := p_standing.bidder_is_barred;
  v_refusal text[];
begin
  if p_standing.bidder_has_strikes and not v_is_blocked then
    v_is_blocked := private.live_strike_points(p_standing.bidder_id, p_now)
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
    when v_is_blocked
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
  if v_refusal[1] = 'BID_TOO_LOW' then
    return private.refusal(
      v_refusal[1], v_refusal[2] || private.dollars(p_standing.min_next_bid_cents)
    ) || jsonb_build_object('minimum_bid_cents', p_standing.min_next_bid_cents);
  elsif v_refusal is not null then
    return private.refusal(v_refusal[1], v_refusal[2]);
  end if;
  return null;
end;
$$;

create or replace function private.dollars(p_cents bigint)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return '$' || p_cents / 100 || '.' || lpad((p_cents % 100)::text, 2, '0');
end;
$$;

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

alter table private.bidding_rules enable row level security;

create trigger app_settings_store_bidding_rules
after insert or update or delete on private.app_settings
for each statement execute function private.store_bidding_rules();

-- This changes no setting, but runs the trigger, which stores the first row.
update private.app_settings set value = value
where false;
