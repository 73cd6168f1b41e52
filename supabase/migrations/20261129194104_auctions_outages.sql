set lock_timeout = '2s';
set statement_timeout = '30s';

insert into private.app_settings (key, value) values
('outage_gap_s', '30'),
('outage_window_s', '600'),
('outage_extension_min_s', '60');

alter table public.auctions
add column outage_extension_s integer not null default 0,
add column outage_extension_reason text,
add constraint auctions_outage_extension_has_a_reason check (
  outage_extension_s >= 0 and (outage_extension_s > 0) = (outage_extension_reason is not null)
) not valid;

comment on column public.auctions.scheduled_end_at is 'The end before late bids moved it. A late start and an outage move it too.';

comment on column public.auctions.outage_extension_s is 'The bidding time in seconds, rounded up, that the auction got back after an outage of ours. It gets time back once. 0 if none.';

create table private.heartbeats (
  slot integer not null,
  beat_at timestamptz not null,
  constraint heartbeats_pkey primary key (slot),
  constraint heartbeats_slots_are_twelve check (slot between 0 and 11)
);

comment on table private.heartbeats is 'The last heartbeats of the workers. Each worker writes one every five seconds. All workers use the slots in turn, so the table never grows, and a session that hangs blocks one slot only.';

create table private.outages (
  started_at timestamptz not null,
  ended_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint outages_pkey primary key (started_at),
  constraint outages_end_after_their_start check (ended_at > started_at)
);

comment on table private.outages is 'Times without a heartbeat and without a bid. Bidders could probably not bid then.';

create or replace function private.end_expired_auctions(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_auction_id uuid;
  v_answer jsonb;
  v_failed integer := 0;
  v_results jsonb[] := '{}';
  v_outages tstzmultirange;
  v_now timestamptz;
begin
  v_now := private.clock();
  v_outages := private.known_outages(v_now);
  for v_auction_id in
    select a.id from public.auctions as a
    where a.status = 'live' and a.end_at <= v_now and not exists (
      select from private.finalize_failures as f
      where f.auction_id = a.id and f.retry_at > v_now
    )
    order by a.end_at
    limit p_max_rows
    for no key update of a skip locked
  loop
    -- Each auction has its own block, so that a failure undoes this auction alone. A constraint
    -- deferred to the commit would undo all of them, so check it here.
    begin
      v_answer := private.close_or_extend(v_auction_id, false, v_outages);
      set constraints all immediate;
      set constraints all deferred;
      v_results := v_results || (jsonb_build_object('auction_id', v_auction_id) || v_answer);
    exception when others then
      v_failed := v_failed + 1;
      perform private.put_off(v_auction_id, sqlerrm);
    end;
  end loop;
  return jsonb_build_object(
    'success', true,
    'auctions_processed', cardinality(v_results),
    'failed', v_failed,
    'results', to_jsonb(v_results),
    'lags_s', private.close_lags(v_results)
  );
end;
$$;

comment on function private.end_expired_auctions is 'Close the auctions whose end has passed. An auction that fails is postponed. An auction that lost bidding time to an outage gets it back instead, once. Any number of callers may run at once: each skips the auctions that another has locked.';

create or replace function private.end_auction(p_auction_id uuid, p_force boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  v_now := private.clock();
  return private.close_or_extend(
    p_auction_id, coalesce(p_force, false), private.known_outages(v_now)
  );
end;
$$;

create function private.close_or_extend(
  p_auction_id uuid, p_force boolean, p_outages tstzmultirange
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_now timestamptz;
begin
  select * into v_auction from public.auctions where id = p_auction_id for no key update;
  -- Read the clock after the lock: the bid that held it may have moved the end.
  v_now := private.clock();
  if v_auction.id is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  elsif v_auction.status in ('finalized', 'no_sale') then
    return private.closing_answer(v_auction) || jsonb_build_object('already_processed', true);
  elsif v_auction.status <> 'live' then
    return private.refusal('AUCTION_NOT_LIVE', 'Auction is not live');
  elsif v_auction.end_at <= v_now and not p_force then
    v_auction := private.extend_after_outage(v_auction, p_outages, v_now);
  end if;
  if v_auction.end_at > v_now and not p_force then
    return private.refusal('AUCTION_NOT_OVER', 'Auction is not over yet')
      || jsonb_build_object('ends_at', v_auction.end_at);
  end if;
  return private.close_auction(v_auction, v_now);
end;
$$;

comment on function private.close_or_extend is 'Lock one auction. Close it if its end has passed, or at once when forced. An auction that lost bidding time to an outage is extended instead, unless the close is forced.';

create function private.extend_after_outage(
  p_auction public.auctions, p_outages tstzmultirange, p_now timestamptz
)
returns public.auctions
language plpgsql
set search_path = ''
as $$
declare
  v_lost_s numeric;
  v_listing public.listings;
  v_auction public.auctions;
begin
  if isempty(p_outages) or p_auction.outage_extension_s > 0 then
    return p_auction;
  end if;
  v_lost_s := private.lost_bidding_s(p_auction, p_outages);
  select * into v_listing from public.listings where id = p_auction.listing_id;
  -- Nobody can bid on a suspended seller's auction, so more time would help nobody.
  if v_lost_s = 0 or private.is_suspended(v_listing.seller_id) then
    return p_auction;
  end if;
  v_lost_s := greatest(v_lost_s, private.setting('outage_extension_min_s')::integer);
  update public.auctions
  set
    end_at = p_now + v_lost_s * interval '1 second',
    scheduled_end_at = p_now + v_lost_s * interval '1 second',
    outage_extension_s = ceil(v_lost_s),
    outage_extension_reason = 'Our service was down near the end of the auction',
    version = version + 1,
    updated_at = p_now
  where id = p_auction.id
  returning * into v_auction;
  update public.listings set end_at = v_auction.end_at, updated_at = p_now
  where id = v_listing.id;
  delete from private.finalize_failures where auction_id = p_auction.id;
  perform private.notify_of_extension(v_auction, v_listing);
  return v_auction;
end;
$$;

comment on function private.extend_after_outage is 'Return bidding time to an auction that is locked and due, if outages took some, and notify the seller and the bidders. The new end counts from now, because bids after the old end were refused. An auction is extended once. Return the auction as it is then.';

create function private.lost_bidding_s(p_auction public.auctions, p_outages tstzmultirange)
returns numeric
language plpgsql
stable
set search_path = ''
as $$
declare
  v_window constant interval := private.setting('outage_window_s')::integer * interval '1 second';
  v_last_time constant tstzrange := tstzrange(
    greatest(p_auction.start_at, p_auction.end_at - v_window), p_auction.end_at
  );
begin
  return (
    select coalesce(sum(extract(epoch from upper(lost) - lower(lost))), 0)
    from unnest(p_outages * tstzmultirange(v_last_time)) as lost
  );
end;
$$;

comment on function private.lost_bidding_s is 'Return the seconds of outages within the last outage_window_s seconds before the end of an auction. Time before the start and after the end counts for nothing, because nobody may bid then.';

create function private.notify_of_extension(p_auction public.auctions, p_listing public.listings)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.notify(
    person.id,
    'auction_extended',
    'The auction was extended',
    format(
      '%s goes on for %s seconds, because our service was down near its end.',
      p_listing.title, p_auction.outage_extension_s
    ),
    jsonb_build_object(
      'auction_id', p_auction.id, 'listing_id', p_listing.id, 'end_at', p_auction.end_at
    ),
    'auction_extended:' || p_auction.id || ':' || person.id
  )
  from (
    select p_listing.seller_id as id
    union
    select bidder_id from private.proxy_bids where auction_id = p_auction.id
  ) as person;
end;
$$;

comment on function private.notify_of_extension is 'Notify the seller and the bidders that an auction goes on after an outage.';

create function private.record_heartbeat()
returns jsonb
language plpgsql
security definer
set search_path = ''
-- The next heartbeat uses another slot. So do not wait long for a slot that another session holds.
set lock_timeout = '1s'
as $$
declare
  v_last_at timestamptz;
  v_now timestamptz;
  v_outage_s integer;
  v_subject text;
begin
  select max(beat_at) into v_last_at from private.heartbeats;
  v_subject := 'outage:' || v_last_at;
  v_now := private.clock();
  with recorded as (
    insert into private.outages as outage (started_at, ended_at)
    select lower(gap), upper(gap) from unnest(private.find_outages(v_last_at, v_now)) as gap
    -- After an outage several workers find the same one at once.
    on conflict (started_at) do nothing
    returning outage.started_at, outage.ended_at
  )
  select ceil(sum(extract(epoch from ended_at - started_at))) into v_outage_s from recorded;
  insert into private.heartbeats (slot, beat_at)
  values (floor(extract(epoch from v_now) / 5)::bigint % 12, v_now)
  on conflict (slot) do update set beat_at = excluded.beat_at;
  return jsonb_build_object(
    'outage_s', coalesce(v_outage_s, 0),
    'subject', v_subject,
    'alerts', private.raise_alerts(
      v_subject,
      case when v_outage_s > 0 then array['bidding_interrupted'] else '{}' end
    )
  );
end;
$$;

comment on function private.record_heartbeat is 'Record that a worker reaches the database, and record an outage that ends now; see the public wrapper.';

grant execute on function private.record_heartbeat to service_role;

create function private.find_outages(p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = ''
as $$
declare
  v_gap constant interval := private.setting('outage_gap_s')::integer * interval '1 second';
begin
  -- Before the first heartbeat there is no outage. Nearly all calls end here, so the bids need no
  -- index by time.
  if p_from is null or p_to - p_from < v_gap then
    return '{}';
  end if;
  return (
    with signs as (
      select p_from as sign_at
      union all
      select p_to
      union all
      -- An auction without a change since then has no bid since then.
      select b.placed_at
      from public.auctions as a
      join public.bids as b on b.auction_id = a.id
      where
        a.updated_at > p_from
        and (a.status = 'live' or a.finalized_at > p_from)
        and b.placed_at > p_from and b.placed_at < p_to
        and not b.is_proxy
    ), gaps as (
      select sign_at as started_at, lead(sign_at) over (order by sign_at) as ended_at from signs
    )
    select coalesce(range_agg(tstzrange(started_at, ended_at)), '{}')
    from gaps
    where ended_at - started_at >= v_gap
  );
end;
$$;

comment on function private.find_outages is 'Return the outages between two times that have no heartbeat between them. An outage is a time of at least outage_gap_s seconds without an accepted bid in any auction. A raise of a leader''s own maximum does not count, because it must have no effect that others see.';

create function private.known_outages(p_now timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = ''
as $$
declare
  v_last_at constant timestamptz := (select max(beat_at) from private.heartbeats);
begin
  return private.find_outages(v_last_at, p_now) + (
    select coalesce(range_agg(tstzrange(started_at, ended_at)), '{}') from private.outages
  );
end;
$$;

comment on function private.known_outages is 'Return the outages on record, and the one that goes on now.';

create or replace function private.purge_old_rows(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
  v_most integer;
begin
  -- Some of these scans have no index, because rows expire slowly. So once an hour is enough.
  if exists (
    select from private.reading_positions
    where list = 'expired_rows' and reached_at > v_now - interval '1 hour'
  ) then
    return 0;
  end if;
  v_most := greatest(
    private.purge_payloads(p_max_rows, v_now - 90 * interval '24 hours'),
    private.purge_originals(p_max_rows, v_now - 180 * interval '24 hours')
  );

  delete from private.rate_limits
  where ctid in (
    select ctid from private.rate_limits
    where window_start < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  );
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  delete from private.job_runs
  where id in (
    select id from private.job_runs
    where started_at < v_now - 30 * interval '24 hours'
    limit p_max_rows
    for update skip locked
  );
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  delete from private.object_checks
  where object_id in (
    select object_id from private.object_checks
    where checked_at < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  );
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  delete from private.outages
  where started_at in (
    select started_at from private.outages
    where ended_at < v_now - 30 * interval '24 hours'
    limit p_max_rows
    for update skip locked
  );
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);
  if v_most < p_max_rows then
    perform private.advance_reading('expired_rows', floor(extract(epoch from v_now))::bigint);
  end if;
  return v_most;
end;
$$;

create function public.record_heartbeat()
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_heartbeat();
end;
$$;

comment on function public.record_heartbeat is 'Record that a worker reaches the database. Each worker calls it every five seconds. After a gap of outage_gap_s seconds without a heartbeat and without an accepted bid it records an outage. Answers outage_s, and alerts with their subject.';

grant execute on function public.record_heartbeat to service_role;

comment on function public.purge_old_rows is 'Delete at most max_rows of each kind of expired data, and return the largest number: payloads of settled events after 90 days (ids stay), originals of messages after 180 days unless staff still review them, rate limit windows and readings after a day, job runs and outages after 30 days. Once everything is done, calls within an hour answer 0.';

-- Grant each column by name, here as in every table that clients read: a grant on the table would
-- open the system columns too. A lock sets xmax, so xmax would show a raise that changes no column.
-- Realtime sends a role only changes of tables that it may select, so service_role needs a grant:
-- without one the closer gets no wake-up, and nothing reports that.
grant select (
  id, listing_id, status, start_at, end_at, scheduled_end_at, current_price_cents,
  min_next_bid_cents, high_bid_id, high_bidder_id, bid_count, reserve_met, extension_count,
  increment_scheme, version, finalized_at, created_at, updated_at, outage_extension_s,
  outage_extension_reason
) on public.auctions to anon, authenticated, service_role;

alter table private.heartbeats enable row level security;

alter table private.outages enable row level security;
