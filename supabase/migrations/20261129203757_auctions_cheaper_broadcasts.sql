set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.due_broadcasts(p_max_rows integer, p_now timestamptz)
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
