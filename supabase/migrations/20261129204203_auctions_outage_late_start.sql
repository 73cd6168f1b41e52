set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.lost_bidding_s(p_auction public.auctions, p_outages tstzmultirange)
returns numeric
language plpgsql
stable
set search_path = ''
as $$
declare
  v_window constant interval := private.setting('outage_window_s')::integer * interval '1 second';
  v_grace constant interval := private.setting('activation_grace_s')::integer
    * interval '1 second';
  -- A start later than the grace has moved the end, so the time before it was not lost.
  v_start_at constant timestamptz := coalesce(
    (
      select created_at from private.bid_log
      where
        auction_id = p_auction.id and seq = 1 and created_at - p_auction.start_at > v_grace
    ),
    p_auction.start_at
  );
  v_last_time constant tstzrange := tstzrange(
    greatest(v_start_at, p_auction.end_at - v_window), p_auction.end_at
  );
begin
  return (
    select coalesce(sum(extract(epoch from upper(lost) - lower(lost))), 0)
    from unnest(p_outages * tstzmultirange(v_last_time)) as lost
  );
end;
$$;

comment on function private.lost_bidding_s is 'Return the seconds of outages within the last outage_window_s seconds before the end of an auction. Time before the start and after the end counts for nothing, because nobody may bid then. Nor does time that a late start has already given back.';
