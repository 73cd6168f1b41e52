set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.store_webhook_event(
  p_event_id text, p_source text, p_type text, p_livemode boolean, p_created bigint,
  p_order_ref text, p_payment_intent_id text, p_object_id text, p_payload jsonb,
  p_payload_sha256 text, p_lease_token uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event public.webhook_events;
  v_now timestamptz;
begin
  v_now := private.clock();
  insert into public.webhook_events (
    event_id, source, type, livemode, order_ref, payment_intent_id, object_id, payload,
    payload_sha256, next_attempt_at, created_at, received_at, leased_until, lease_token
  )
  values (
    p_event_id, p_source, p_type, p_livemode, p_order_ref, p_payment_intent_id, p_object_id,
    p_payload, p_payload_sha256, v_now, to_timestamp(p_created), v_now,
    -- The insert rings a worker: born leased, the event is left to the request that brought it.
    v_now + interval '10 seconds', p_lease_token
  )
  on conflict (event_id) do nothing
  returning * into v_event;
  if found then
    return private.stored_answer(v_event, true, p_payload_sha256, p_lease_token, v_now);
  end if;

  select * into v_event from public.webhook_events where event_id = p_event_id for update;
  v_now := private.clock();
  if private.is_event_free(v_event, v_now) and v_event.payload_sha256 = p_payload_sha256 then
    update public.webhook_events
    set
      status = case status when 'dead' then 'failed' else status end,
      next_attempt_at = v_now,
      leased_until = v_now + interval '10 seconds',
      lease_token = p_lease_token
    where event_id = p_event_id
    returning * into v_event;
  end if;
  return private.stored_answer(v_event, false, p_payload_sha256, p_lease_token, v_now);
end;
$$;
comment on function private.store_webhook_event is 'Keep an event once and lease it to the caller; see the public wrapper.';
grant execute on function private.store_webhook_event to service_role;

create function private.is_event_free(p_event public.webhook_events, p_now timestamptz)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_event.status in ('received', 'failed', 'dead')
    and (p_event.leased_until is null or p_event.leased_until <= p_now);
end;
$$;
comment on function private.is_event_free is 'Whether an event is open and nobody works on it.';

create function private.stored_answer(
  p_event public.webhook_events, p_is_new boolean, p_payload_sha256 text, p_lease_token uuid,
  p_now timestamptz
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'stored', p_is_new,
    'status', p_event.status,
    'outcome', p_event.outcome,
    'leased', coalesce(
      p_event.leased_until > p_now
      and p_event.lease_token = p_lease_token
      and p_event.payload_sha256 = p_payload_sha256,
      false
    ),
    'hash_conflict', p_event.payload_sha256 <> p_payload_sha256
  );
end;
$$;
comment on function private.stored_answer is 'What store_webhook_event answers. leased: the caller holds the event, and is to process what it sent.';

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

create function private.lock_event(p_event_id text)
returns public.webhook_events
language plpgsql
set search_path = ''
as $$
declare
  v_event public.webhook_events;
begin
  select * into v_event from public.webhook_events where event_id = p_event_id for update;
  if v_event.event_id is null then
    raise sqlstate 'PT404' using message = 'EVENT_NOT_FOUND';
  end if;
  return v_event;
end;
$$;
comment on function private.lock_event is 'Lock an event, the first lock of every effect RPC; whoever waited sees whether it was settled meanwhile. Raises EVENT_NOT_FOUND.';

create function private.effect_answer(
  p_outcome text, p_order_id uuid, p_outbox_ids uuid[] default '{}', p_alerts text[] default '{}'
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'outcome', p_outcome,
    'order_id', p_order_id,
    'outbox_ids', to_jsonb(p_outbox_ids),
    'alerts', to_jsonb(p_alerts)
  );
end;
$$;
comment on function private.effect_answer is 'What every effect RPC answers; each alert is for the caller to log as an error.';

create function private.settle_event(
  p_event_id text, p_outcome text, p_order_id uuid default null, p_outbox_ids uuid[] default '{}',
  p_alerts text[] default '{}', p_reason text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  update public.webhook_events
  set
    status = case
      when p_outcome in ('processed', 'order_already_processed') then 'processed' else 'ignored'
    end::public.webhook_status,
    outcome = p_outcome,
    order_id = p_order_id,
    error_code = p_reason,
    error_message = null,
    next_attempt_at = null,
    leased_until = null,
    lease_token = null,
    processed_at = v_now
  where event_id = p_event_id;
  return private.effect_answer(p_outcome, p_order_id, p_outbox_ids, p_alerts);
end;
$$;
comment on function private.settle_event is 'Mark an event settled in the transaction of its effect, and answer for it. The caller holds its lock.';

create function private.ignore_webhook_event(p_event_id text, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
begin
  if v_event.processed_at is not null then
    return private.effect_answer('already_processed', v_event.order_id);
  end if;
  return private.settle_event(
    p_event_id, 'ignored', p_alerts => private.ignored_alerts(v_event.type, p_reason),
    p_reason => p_reason
  );
end;
$$;
comment on function private.ignore_webhook_event is 'Settle an event that has no effect here; see the public wrapper.';
grant execute on function private.ignore_webhook_event to service_role;

create function private.ignored_alerts(p_type text, p_reason text)
returns text[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_reason = 'order_id_missing'
      and p_type ~ '^(payment_intent\.succeeded|refund\.|charge\.(refund|dispute))'
      then array['money_without_an_order']
    else '{}'
  end;
end;
$$;
comment on function private.ignored_alerts is 'What has to be looked at although it was ignored: money that names no order.';

create function public.store_webhook_event(
  event_id text, source text, type text, livemode boolean, created bigint, order_ref text,
  payment_intent_id text, object_id text, payload jsonb, payload_sha256 text, lease_token uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.store_webhook_event(
    store_webhook_event.event_id,
    store_webhook_event.source,
    store_webhook_event.type,
    store_webhook_event.livemode,
    store_webhook_event.created,
    store_webhook_event.order_ref,
    store_webhook_event.payment_intent_id,
    store_webhook_event.object_id,
    store_webhook_event.payload,
    store_webhook_event.payload_sha256,
    store_webhook_event.lease_token
  );
end;
$$;
comment on function public.store_webhook_event is 'Keep an event durably: {stored, status, outcome, leased, hash_conflict}. A new one is leased to the caller for 10 s; the same token may call again. A redelivery of an open or dead event that nobody works on re-arms it under its token. Another body under a known id changes nothing and is told as hash_conflict.';
grant execute on function public.store_webhook_event to service_role;

create function public.fail_webhook_event(
  event_id text, error_code text, error_message text, lease_token uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.fail_webhook_event(
    fail_webhook_event.event_id,
    fail_webhook_event.error_code,
    fail_webhook_event.error_message,
    fail_webhook_event.lease_token
  );
end;
$$;
comment on function public.fail_webhook_event is 'Back an event off, or park it as dead: {stale, status, attempts, next_attempt_at, alerts}. A stale token changes nothing and answers {stale: true}. PREDECESSOR_MISSING consumes no try and waits up to predecessor_wait_days.';
grant execute on function public.fail_webhook_event to service_role;

create function public.claim_webhook_retries(max_rows integer, lease_s integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_webhook_retries(
    claim_webhook_retries.max_rows, claim_webhook_retries.lease_s
  );
end;
$$;
comment on function public.claim_webhook_retries is 'Lease at most max_rows due events: an array of whole rows, each with created in Unix seconds and the lease_token that a fail needs. Any number of workers may call.';
grant execute on function public.claim_webhook_retries to service_role;

create function public.requeue_webhook_event(event_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_webhook_event(requeue_webhook_event.event_id);
end;
$$;
comment on function public.requeue_webhook_event is 'Give a dead or waiting event all of its tries again, due at once; for staff and our own processes. Refusal: CONFLICT when it is settled. Raises FORBIDDEN, EVENT_NOT_FOUND.';
grant execute on function public.requeue_webhook_event to authenticated, service_role;

create function public.find_webhook_event(
  event_id text default null, type text default null, since timestamptz default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.find_webhook_event(
    find_webhook_event.event_id, find_webhook_event.type, find_webhook_event.since
  );
end;
$$;
comment on function public.find_webhook_event is 'The newest event of this id or type for the canary: {found, event {event_id, type, created_at, processed_at}}.';
grant execute on function public.find_webhook_event to service_role;

create function public.ignore_webhook_event(event_id text, reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.ignore_webhook_event(ignore_webhook_event.event_id, ignore_webhook_event.reason);
end;
$$;
comment on function public.ignore_webhook_event is 'Settle an event as ignored, with the reason; one that is settled already answers already_processed. Money without an order (reason order_id_missing) is an alert.';
grant execute on function public.ignore_webhook_event to service_role;

alter table public.webhook_events enable row level security;
-- What rings a worker, and no more: with the whole row each payload would travel to all of them.
grant select (event_id, status, next_attempt_at) on public.webhook_events to service_role;
