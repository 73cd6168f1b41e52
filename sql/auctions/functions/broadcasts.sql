create function private.broadcast_time_remaining(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_auction public.auctions;
  v_count integer := 0;
begin
  v_now := private.clock();
  for v_auction in
    with claimed as (
      -- The second of two concurrent callers waits for the row, and then finds the mark claimed.
      insert into private.auction_broadcasts as sent (auction_id, version, mark_s)
      select due.auction_id, due.version, due.mark_s
      from private.due_broadcasts(p_max_rows, v_now) as due
      on conflict (auction_id) do update
      set version = excluded.version, mark_s = excluded.mark_s, updated_at = v_now
      where (excluded.version, -coalesce(excluded.mark_s, 2147483647))
        > (sent.version, -coalesce(sent.mark_s, 2147483647))
      returning sent.auction_id
    )
    select a.* from public.auctions as a where a.id in (select auction_id from claimed)
  loop
    perform realtime.send(
      private.time_remaining(v_auction, v_now), 'time_remaining', 'auction:' || v_auction.id, true
    );
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.broadcast_time_remaining is 'Broadcast the time remaining of auctions that changed or passed a mark. Return the number of broadcasts. Concurrent callers send each broadcast once.';
grant execute on function private.broadcast_time_remaining to service_role;

create function private.due_broadcasts(p_max_rows integer, p_now timestamptz)
returns table (auction_id uuid, version integer, mark_s integer)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_marks_s constant jsonb := private.setting('broadcast_marks_s');
  v_first_mark constant interval := (
    select max(mark::integer) from jsonb_array_elements(v_marks_s) as mark
  ) * interval '1 second';
begin
  return query
  with watched as (
    select a.id, a.version, a.status, a.end_at from public.auctions as a
    where a.status in ('scheduled', 'live')
    union all
    -- Clients need no broadcast about an auction that ended more than an hour ago.
    select a.id, a.version, a.status, a.end_at from public.auctions as a
    where a.finalized_at > p_now - interval '1 hour'
  ),
  -- Each change of any auction runs this query. Most auctions have neither changed nor passed a
  -- mark, so they must not cost the computation of their marks.
  candidates as (
    select watched.* from watched
    left join private.auction_broadcasts as sent on sent.auction_id = watched.id
    where sent.version is distinct from watched.version
    union
    select a.id, a.version, a.status, a.end_at from public.auctions as a
    where a.status = 'live' and a.end_at <= p_now + v_first_mark
  )
  select watched.id, watched.version, passed.mark_s
  from candidates as watched
  left join private.auction_broadcasts as sent on sent.auction_id = watched.id
  left join lateral (
    select min(mark::integer) as mark_s from jsonb_array_elements(v_marks_s) as mark
    where
      watched.status = 'live'
      and watched.end_at <= p_now + mark::integer * interval '1 second'
  ) as passed on true
  where
    sent.version is distinct from watched.version
    or passed.mark_s < coalesce(sent.mark_s, passed.mark_s + 1)
  order by watched.id
  limit p_max_rows;
end;
$$;
comment on function private.due_broadcasts is 'Return the auctions whose version or passed mark was not broadcast yet. They are in the order of their ids, so concurrent callers cannot deadlock.';
