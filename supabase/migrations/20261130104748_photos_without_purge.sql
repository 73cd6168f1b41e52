set lock_timeout = '2s';
set statement_timeout = '30s';

-- The job no longer looks for what an older release kept, so this is its last look.
select private.purge_photos(1000000);

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
    private.purge_originals(p_max_rows, v_now - 180 * interval '24 hours'),
    private.purge_receipts(p_max_rows, v_now - 30 * interval '24 hours'),
    private.purge_bid_receipts(p_max_rows, v_now - 30 * interval '24 hours'),
    private.purge_metrics(p_max_rows, v_now - 30 * interval '24 hours')
  );

  -- A subquery that locks rows may run again for each row of a nested loop, which deletes too many.
  -- A CTE runs once.
  with expired as (
    select ctid from private.rate_limits
    where window_start < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.rate_limits as hit using expired
  where hit.ctid = expired.ctid;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  with expired as (
    select id from private.job_runs
    where started_at < v_now - 30 * interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.job_runs as run using expired
  where run.id = expired.id;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  with expired as (
    select object_id from private.object_checks
    where checked_at < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.object_checks as last_check using expired
  where last_check.object_id = expired.object_id;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  with expired as (
    select started_at from private.outages
    where ended_at < v_now - 30 * interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.outages as outage using expired
  where outage.started_at = expired.started_at;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);
  if v_most < p_max_rows then
    perform private.advance_reading('expired_rows', floor(extract(epoch from v_now))::bigint);
  end if;
  return v_most;
end;
$$;

create or replace function public.purge_old_rows(max_rows integer default 1000)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.purge_old_rows(purge_old_rows.max_rows);
end;
$$;
comment on function public.purge_old_rows is 'Delete at most max_rows of each kind of expired data, and return the largest number: payloads of settled events after 90 days (ids stay), originals of messages after 180 days unless staff still review them, rate limit windows and readings after a day, job runs, outages, metrics and receipts of calls with a client_request_id after 30 days, receipts of bids 30 days after the close of the auction. Once everything is done, calls within an hour answer 0.';

-- squawk-ignore ban-drop-function
drop function private.purge_photos;
