create function private.purge_old_rows(p_max_rows integer)
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
comment on function private.purge_old_rows is 'Delete data that has expired; see the public wrapper.';
grant execute on function private.purge_old_rows to service_role;

create function private.purge_payloads(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_reached constant timestamptz := coalesce(
    (select reached_at from private.reading_positions where list = 'expired_payloads'), '-infinity'
  );
  v_last timestamptz;
  v_count integer;
begin
  with expired as (
    -- Events before the position have no payload any more, so no run looks at them again.
    select event_id, received_at from public.webhook_events
    where received_at >= v_reached and received_at < p_before
    order by received_at
    limit p_max_rows
  ), purged as (
    update public.webhook_events as event
    set payload = null
    from expired
    where event.event_id = expired.event_id
      and event.payload is not null
      -- A dead event keeps its payload, because staff may requeue it.
      and event.processed_at is not null
  )
  select max(received_at), count(*) into v_last, v_count from expired;
  insert into private.reading_positions as position (list, reached_at)
  select 'expired_payloads', v_last where v_last is not null
  on conflict (list) do update set reached_at = excluded.reached_at
  where position.reached_at < excluded.reached_at;
  return v_count;
end;
$$;
comment on function private.purge_payloads is 'Delete the payloads of settled events that were received before a time. The id, the hash and the outcome stay. Return the number of events that were looked at.';

create function private.purge_metrics(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  with expired as (
    select id from public.metrics
    where recorded_at < p_before
    order by recorded_at
    limit p_max_rows
    for update skip locked
  )
  delete from public.metrics as metric using expired
  where metric.id = expired.id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.purge_metrics is 'Delete metrics that were recorded before a time. Return their number.';
