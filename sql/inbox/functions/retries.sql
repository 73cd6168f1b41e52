create function private.fail_webhook_event(
  p_event_id text, p_error_code text, p_error_message text, p_lease_token uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event public.webhook_events := private.lock_event(p_event_id);
  v_now constant timestamptz := private.clock();
  v_delay interval;
begin
  if v_event.processed_at is not null or v_event.lease_token is distinct from p_lease_token then
    return jsonb_build_object('stale', true);
  end if;

  if p_error_code = 'PREDECESSOR_MISSING' then
    v_delay := private.predecessor_delay(v_now - v_event.received_at);
  else
    v_delay := private.retry_delay(v_event.attempts);
    v_event.attempts := v_event.attempts + 1;
  end if;
  update public.webhook_events
  set
    status = case when v_delay is null then 'dead' else 'failed' end::public.webhook_status,
    attempts = v_event.attempts,
    next_attempt_at = v_now + v_delay,
    error_code = p_error_code,
    error_message = p_error_message,
    leased_until = null,
    lease_token = null
  where event_id = p_event_id
  returning * into v_event;
  return jsonb_build_object(
    'stale', false,
    'status', v_event.status,
    'attempts', v_event.attempts,
    'next_attempt_at', v_event.next_attempt_at,
    'alerts', case v_event.status when 'dead' then '["webhook_event_dead"]' else '[]' end::jsonb
  );
end;
$$;
comment on function private.fail_webhook_event is 'Note a failed try: back off, or park the event; see the public wrapper.';
grant execute on function private.fail_webhook_event to service_role;

create function private.retry_delay(p_tries_before integer)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_tries_before + 1 >= private.setting('webhook_max_attempts')::integer then
    return null;
  end if;
  return make_interval(secs => least(
    private.setting('webhook_retry_cap_s')::double precision,
    private.setting('webhook_retry_base_s')::double precision * 2 ^ p_tries_before
  ));
end;
$$;
comment on function private.retry_delay is 'How long to wait after one more failure, for events and outbox rows: doubled each time, up to the cap. Null when the tries are used up.';

create function private.predecessor_delay(p_waited interval)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_waited >= private.setting_days('predecessor_wait_days') then
    return null;
  end if;
  -- No try is consumed, so what doubles the pause is the time that the event has waited.
  return greatest(
    make_interval(secs => private.setting('webhook_retry_base_s')::double precision),
    least(
      make_interval(secs => private.setting('webhook_retry_cap_s')::double precision), p_waited
    )
  );
end;
$$;
comment on function private.predecessor_delay is 'How long an event waits on for its predecessor; null when it has waited long enough. Mostly it is woken earlier.';

create function private.claim_webhook_retries(p_max_rows integer, p_lease_s integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_rows jsonb;
begin
  with due as (
    select event_id from public.webhook_events
    where status in ('received', 'failed')
      and next_attempt_at <= v_now
      and (leased_until is null or leased_until <= v_now)
    order by next_attempt_at
    limit p_max_rows
    for update skip locked
  ), claimed as (
    update public.webhook_events as event
    set leased_until = v_now + make_interval(secs => p_lease_s), lease_token = gen_random_uuid()
    from due
    where event.event_id = due.event_id
    returning event.*
  )
  select coalesce(
    jsonb_agg(
      to_jsonb(claimed) || jsonb_build_object('created', extract(epoch from created_at)::bigint)
      order by next_attempt_at, created_at
    ),
    '[]'
  )
  into v_rows
  from claimed;
  return v_rows;
end;
$$;
comment on function private.claim_webhook_retries is 'Lease events that are due to the caller; see the public wrapper.';
grant execute on function private.claim_webhook_retries to service_role;

create function private.wake_waiting_events(p_payment_intent_id text, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.webhook_events
  set next_attempt_at = p_now
  where event_id in (
    select event_id from public.webhook_events
    where payment_intent_id = p_payment_intent_id
      and status = 'failed'
      and error_code = 'PREDECESSOR_MISSING'
    -- Events are locked before orders, and the caller holds an order: it must not wait here.
    for update skip locked
  );
end;
$$;
comment on function private.wake_waiting_events is 'Make due at once what waited for this intent''s payment to be recorded.';

create function private.requeue_webhook_event(p_event_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event public.webhook_events;
  v_now timestamptz;
begin
  if coalesce(auth.role(), '') <> 'service_role' and not private.is_staff() then
    raise sqlstate 'PT403' using message = 'FORBIDDEN';
  end if;
  v_event := private.lock_event(p_event_id);
  v_now := private.clock();
  if v_event.processed_at is not null then
    return private.refusal('CONFLICT', 'This event is settled already');
  end if;

  update public.webhook_events
  set
    status = 'received', attempts = 0, next_attempt_at = v_now, leased_until = null,
    lease_token = null
  where event_id = p_event_id;
  perform private.write_audit(
    auth.uid(), 'webhook_event_requeued', 'webhook_events', p_event_id,
    'Given all of its tries again', jsonb_build_object('status', v_event.status)
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.requeue_webhook_event is 'Give an open or dead event its tries again, and audit it; see the public wrapper.';
grant execute on function private.requeue_webhook_event to authenticated, service_role;

create function private.find_webhook_event(p_event_id text, p_type text, p_since timestamptz)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return coalesce(
    (
      select jsonb_build_object(
        'found', true,
        'event', jsonb_build_object(
          'event_id', event_id, 'type', type, 'created_at', created_at,
          'processed_at', processed_at
        )
      )
      from public.webhook_events
      where (p_event_id is not null or p_type is not null)
        and (p_event_id is null or event_id = p_event_id)
        and (p_type is null or type = p_type)
        and (p_since is null or received_at >= p_since)
      order by received_at desc
      limit 1
    ),
    '{"found": false}'
  );
end;
$$;
comment on function private.find_webhook_event is 'Whether an event came in, and when it was settled; see the public wrapper.';
grant execute on function private.find_webhook_event to service_role;
