set lock_timeout = '2s';
set statement_timeout = '30s';

create table public.metrics (
  id uuid not null default gen_random_uuid(),
  metric_type text not null,
  metric_name text not null,
  value numeric not null, -- noqa: RF04
  metadata jsonb not null default '{}',
  recorded_at timestamptz not null,
  constraint metrics_pkey primary key (id)
);
comment on table public.metrics is 'Figures of the last 30 days for the admin page, in rows of one time every five minutes. They are the gauges that /metrics shows.';

create index metrics_recorded_at_idx on public.metrics (recorded_at desc);

alter table public.metrics enable row level security;
grant select (
  id, metric_type, metric_name, value, metadata, recorded_at
) on public.metrics to authenticated;

create policy admins_read_the_metrics on public.metrics
for select to authenticated
-- The comparison bounds the index. A boolean would make a user's query read every row in vain.
using (recorded_at >= (select case when private.is_admin() then '-infinity'::timestamptz end));
comment on policy admins_read_the_metrics on public.metrics is 'Admins read the metrics, with a second factor where staff need one. Moderators and other users read no row.';

-- The table hides rows, so the planner's estimate must not depend on them.
alter table public.metrics alter column id set statistics 0;
alter table public.metrics alter column metric_type set statistics 0;
alter table public.metrics alter column metric_name set statistics 0;
alter table public.metrics alter column value set statistics 0;
alter table public.metrics alter column metadata set statistics 0;
alter table public.metrics alter column recorded_at set statistics 0;

create function private.record_gauges()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  -- Two workers may call at once: the second waits for the first one's position, and finds it new.
  insert into private.reading_positions as position (list, reached_at)
  values ('gauges', v_now)
  on conflict (list) do update set reached_at = excluded.reached_at
  where position.reached_at <= excluded.reached_at - interval '5 minutes';
  if not found then
    return 0;
  end if;
  insert into public.metrics (metric_type, metric_name, value, recorded_at)
  select 'gauge', gauge.key, gauge.value::numeric, v_now
  from jsonb_each_text(private.read_gauges()) as gauge;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.record_gauges is 'Add the figures of read_gauges to the metrics; see the public wrapper.';
grant execute on function private.record_gauges to service_role;

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
    private.purge_photos(p_max_rows),
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

create or replace function public.purge_old_rows(max_rows integer default 1000)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.purge_old_rows(purge_old_rows.max_rows);
end;
$$;
comment on function public.purge_old_rows is 'Delete at most max_rows of each kind of expired data, and return the largest number: payloads of settled events after 90 days (ids stay), originals of messages after 180 days unless staff still review them, rate limit windows and readings after a day, job runs, outages, metrics and receipts of calls with a client_request_id after 30 days, receipts of bids 30 days after the close of the auction. It also removes the photos of listings that staff removed before releases did so at once. Once everything is done, calls within an hour answer 0.';
grant execute on function public.purge_old_rows to service_role;

create function public.record_gauges()
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.record_gauges();
end;
$$;
comment on function public.record_gauges is 'Add the figures of read_gauges to the table metrics, as rows of one time. Return the number of rows. A call within five minutes of the last rows adds none and answers 0, whatever number of workers call.';
grant execute on function public.record_gauges to service_role;
