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
