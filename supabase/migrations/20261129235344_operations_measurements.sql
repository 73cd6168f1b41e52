set lock_timeout = '2s';
set statement_timeout = '30s';

create table private.close_lags (
  id bigint generated always as identity,
  lag_s numeric not null,
  created_at timestamptz not null default now(),
  constraint close_lags_pkey primary key (id)
);

comment on table private.close_lags is 'Lags of the auctions that pg_cron has closed, until a worker takes them into its metrics. A worker counts the auctions that it closes itself.';

create table private.limit_refusals (
  action text not null,
  key text not null,
  count integer not null default 1,
  created_at timestamptz not null default now(),
  constraint limit_refusals_pkey primary key (action, key),
  constraint limit_refusals_count_is_positive check (count > 0)
);

comment on table private.limit_refusals is 'Calls of RPCs that a rate limit has refused, until a worker takes them into its metrics. Each user has a row, so refused calls of different users never wait for each other.';

create or replace function private.use_rate_limit(p_action text, p_user_id uuid default auth.uid())
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
  perform private.record_refused_call(p_action, p_user_id::text);
  return private.refusal('RATE_LIMITED', 'Too many requests. Please slow down.')
    || jsonb_build_object('retry_after_ms', v_wait_ms);
end;
$$;

create function private.close_as_scheduled_job(p_max_rows integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_answer constant jsonb := private.end_expired_auctions(p_max_rows);
begin
  insert into private.close_lags (lag_s)
  select lag.s::numeric from jsonb_array_elements_text(v_answer -> 'lags_s') as lag (s);
  return v_answer;
end;
$$;

comment on function private.close_as_scheduled_job is 'Close the auctions whose end has passed, for pg_cron. No worker sees the answer, so keep the lags for the metrics.';

create or replace function private.read_gauges()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return private.read_queue_gauges(v_now) || (
    select jsonb_build_object(
      'overdue_auctions', count(*),
      'oldest_overdue_auction_seconds', coalesce(extract(epoch from v_now - min(end_at)), 0)
    )
    from public.auctions
    where status = 'live' and end_at <= v_now
  ) || (
    select jsonb_build_object('postponed_auctions', count(*)) from private.finalize_failures
  ) || (
    select jsonb_build_object(
      'last_heartbeat_seconds', coalesce(extract(epoch from v_now - max(beat_at)), 0)
    )
    from private.heartbeats
  ) || (
    select jsonb_build_object(
      'held_messages', count(*),
      'oldest_held_message_seconds', coalesce(extract(epoch from v_now - min(created_at)), 0)
    )
    from public.messages
    where delivery = 'held'
  ) || (
    select jsonb_build_object('unpaid_overdue_orders', count(*))
    from public.orders
    where state = 'pending_payment' and payment_due_at <= v_now
  ) || (
    select jsonb_build_object(
      'ledger_drift_orders', count(*) filter (where has_drift),
      'orders_unlike_stripe', count(*) filter (where is_blocked)
    )
    from private.order_checks
    where has_drift or differs_since is not null
  );
end;
$$;

create function private.record_refused_call(p_action text, p_key text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into private.limit_refusals as refused (action, key)
  values (p_action, p_key)
  on conflict (action, key) do update set count = refused.count + 1;
end;
$$;

comment on function private.record_refused_call is 'Count a call that a rate limit refuses, for the metrics.';

create function private.take_measurements(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lags jsonb;
  v_refusals jsonb;
begin
  with taken as (
    delete from private.close_lags
    where id in (
      select id from private.close_lags
      order by id
      limit p_max_rows
      for update skip locked
    )
    returning lag_s
  )
  select coalesce(jsonb_agg(lag_s), '[]') into v_lags from taken;

  with taken as (
    delete from private.limit_refusals
    where (action, key) in (
      select action, key from private.limit_refusals
      for update skip locked
    )
    returning action, count
  ), summed as (
    select action, sum(count) as count from taken group by action
  )
  select coalesce(jsonb_object_agg(action, count), '{}') into v_refusals from summed;
  return jsonb_build_object('close_lags_s', v_lags, 'limit_refusals', v_refusals);
end;
$$;

comment on function private.take_measurements is 'Remove and return measurements for the metrics; see the public wrapper.';

grant execute on function private.take_measurements to service_role;

create or replace function private.scheduled_jobs()
returns table (job text, schedule text, command text)
language sql
immutable
set search_path = ''
as $$
  values
  ('activate_due_auctions', '10 seconds', 'select private.activate_due_auctions(1000)'),
  ('end_expired_auctions', '10 seconds', 'select private.close_as_scheduled_job(1000)'),
  ('expire_unpaid_orders', '* * * * *', 'select private.expire_unpaid_orders(1000)'),
  ('settle_due_orders', '* * * * *', 'select private.settle_due_orders(1000)')
$$;

create function public.take_measurements(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.take_measurements(take_measurements.max_rows);
end;
$$;

comment on function public.take_measurements is 'Remove and return what only the database has seen, for metrics: close_lags_s, the lags of at most max_rows auctions that pg_cron closed, and limit_refusals, a number for each action. Each one is returned once, whatever number of workers call; a lost answer loses its measurements.';

grant execute on function public.take_measurements to service_role;

alter table private.close_lags enable row level security;

alter table private.limit_refusals enable row level security;

select private.schedule_jobs();
