create function private.read_gauges()
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
comment on function private.read_gauges is 'Return the figures that reconcile reports; see the public wrapper.';
grant execute on function private.read_gauges to service_role;

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

create function private.read_queue_gauges(p_now timestamptz)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'inbox_waiting_events', count(*),
      'oldest_unprocessed_event_seconds', coalesce(extract(epoch from p_now - min(received_at)), 0)
    )
    from public.webhook_events
    where status in ('received', 'failed')
  ) || (
    select jsonb_build_object(
      'outbox_waiting_rows', count(*),
      'oldest_unsent_outbox_row_seconds',
      coalesce(extract(epoch from p_now - min(created_at)), 0),
      'outbox_overdue_seconds',
      coalesce(greatest(extract(epoch from p_now - min(next_attempt_at)), 0), 0)
    )
    from public.outbox
    where status = 'queued'
  );
end;
$$;
comment on function private.read_queue_gauges is 'Return the depth and the age of inbox and outbox.';

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
  with oldest as (
    select id from private.close_lags
    order by id
    limit p_max_rows
    for update skip locked
  ), taken as (
    delete from private.close_lags as lag using oldest
    where lag.id = oldest.id
    returning lag.lag_s
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
