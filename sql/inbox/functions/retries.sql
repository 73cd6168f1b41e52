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
  v_alerts text[] := '{}';
begin
  if v_event.processed_at is not null or v_event.lease_token is distinct from p_lease_token then
    return private.stale_answer(p_event_id);
  end if;

  if private.is_wait(p_error_code) then
    v_delay := private.waiting_delay(v_now - v_event.received_at);
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
  if v_event.status = 'dead' then
    v_alerts := '{webhook_event_dead}';
  end if;
  return jsonb_build_object(
    'stale', false,
    'status', v_event.status,
    'attempts', v_event.attempts,
    'next_attempt_at', v_event.next_attempt_at,
    'alerts', to_jsonb(private.raise_alerts(p_event_id, v_alerts))
  );
end;
$$;
comment on function private.fail_webhook_event is 'Record a failed try: the event waits for its next one, or is dead; see the public wrapper.';
grant execute on function private.fail_webhook_event to service_role;

create function private.is_wait(p_error_code text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_error_code in ('PREDECESSOR_MISSING', 'REFUND_CONTRADICTED');
end;
$$;
comment on function private.is_wait is 'Return true if the error says that another event must be applied first. Such an event waits without spending a try.';

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
comment on function private.claim_webhook_retries is 'Lease due events to the caller; see the public wrapper.';
grant execute on function private.claim_webhook_retries to service_role;

create function private.wake_waiting_events(
  p_payment_intent_id text, p_now timestamptz, p_order_id uuid default null
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.webhook_events
  set next_attempt_at = p_now
  where event_id in (
    select event_id from public.webhook_events
    where (payment_intent_id = p_payment_intent_id or order_ref = p_order_id::text)
      and status = 'failed'
      and private.is_wait(error_code)
    -- Events are locked before orders. The caller holds an order, so it must not wait here.
    for update skip locked
  );
end;
$$;
comment on function private.wake_waiting_events is 'Make events due at once if they wait for another event about this PaymentIntent, or about this order. A transfer names its order but no PaymentIntent.';

create function private.requeue_webhook_event(p_event_id text, p_client_request_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'requeue_webhook_event', p_client_request_id, jsonb_build_array(p_event_id)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  return private.finish_request(
    p_client_request_id,
    private.requeue_event(p_event_id, auth.uid(), 'The event got all of its tries again')
  );
end;
$$;
comment on function private.requeue_webhook_event is 'Give an open or dead event all of its tries again; see the public wrapper.';
grant execute on function private.requeue_webhook_event to authenticated, service_role;

create function private.requeue_event(p_event_id text, p_actor_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_event public.webhook_events;
  v_now timestamptz;
begin
  v_event := private.lock_event(p_event_id);
  v_now := private.clock();
  if private.is_event_about(v_event, p_actor_id) then
    return private.refusal('FORBIDDEN', 'This event is about you or an order of yours');
  elsif v_event.processed_at is not null then
    return private.refusal('CONFLICT', 'This event is settled already');
  end if;

  update public.webhook_events
  set
    status = 'received', attempts = 0, next_attempt_at = v_now, leased_until = null,
    lease_token = null
  where event_id = p_event_id;
  perform private.write_audit(
    p_actor_id, 'webhook_event_requeued', 'webhook_events', p_event_id, p_reason,
    jsonb_build_object('status', v_event.status)
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.requeue_event is 'Give an open or dead event all of its tries again, due at once, and audit it; or return the refusal. Raises EVENT_NOT_FOUND.';

create function private.is_event_about(p_event public.webhook_events, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.is_party(
    coalesce(p_event.order_id, private.order_id_in(p_event.order_ref)), p_user_id
  ) or exists (
    select from public.payments
    where
      stripe_payment_intent_id = p_event.payment_intent_id
      and private.is_party(order_id, p_user_id)
  ) or exists (
    select from public.users
    where id = p_user_id and stripe_connect_account_id = p_event.object_id
  ) or exists (
    select from private.kyc_sessions
    where stripe_session_id = p_event.object_id and user_id = p_user_id
  );
end;
$$;
comment on function private.is_event_about is 'Return true if an event is about an order of a user, the user''s account at Stripe or the user''s verification.';

create function private.replay_webhook_event(p_event_id text, p_actor_id uuid, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event public.webhook_events;
begin
  select * into v_event from public.webhook_events where event_id = p_event_id for update;
  if v_event.event_id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'There is no such event');
  elsif v_event.status = 'received' and v_event.attempts = 0 then
    return jsonb_build_object('success', true);
  end if;
  return coalesce(
    private.reason_refusal(p_reason),
    private.requeue_event(p_event_id, p_actor_id, private.plain_reason(p_reason))
  );
end;
$$;
comment on function private.replay_webhook_event is 'Give an event all of its tries again for a member of staff; see the public wrapper.';
grant execute on function private.replay_webhook_event to service_role;

create function private.list_dead_events(p_max_rows integer, p_after_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_after_at constant timestamptz := (
    select received_at from public.webhook_events where event_id = p_after_id
  );
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(page) order by page.received_at desc, page.event_id desc), '[]')
    from (
      -- The payload may describe a person, so it is left out.
      select
        event_id, source, type, order_ref, object_id, attempts, error_code, error_message,
        created_at, received_at
      from public.webhook_events
      where
        status = 'dead'
        and (p_after_id is null or (received_at, event_id) < (v_after_at, p_after_id))
      order by received_at desc, event_id desc
      limit p_max_rows
    ) as page
  );
end;
$$;
comment on function private.list_dead_events is 'Return a page of the dead events; see the public wrapper.';
grant execute on function private.list_dead_events to service_role;

create function private.requeue_ignored_events(
  p_type text, p_since text, p_client_request_id uuid, p_reason text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'requeue_ignored_events', p_client_request_id, jsonb_build_array(p_type, p_since, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    case when p_reason is not null then private.reason_refusal(p_reason) end,
    private.requeue_unhandled(
      p_type, private.time_or_null(p_since), private.plain_reason(p_reason)
    )
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.requeue_ignored_events is 'Make events due again that were ignored without a handler; see the public wrapper.';
grant execute on function private.requeue_ignored_events to authenticated, service_role;

create function private.requeue_unhandled(p_type text, p_since timestamptz, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  if p_type is null or p_since is null then
    return private.refusal(
      'VALIDATION_ERROR', 'Give an event type, and a time with an offset as 2026-12-02T20:00:00Z'
    );
  end if;
  update public.webhook_events as event
  set
    status = 'received', outcome = null, processed_at = null, attempts = 0,
    next_attempt_at = v_now, error_code = null
  where type = p_type
    and received_at >= p_since
    and outcome = 'ignored'
    and error_code = 'unhandled_type'
    and payload is not null
    and not private.is_event_about(event, auth.uid());
  get diagnostics v_count = row_count;
  perform private.write_audit(
    auth.uid(), 'ignored_events_requeued', 'webhook_events', p_type,
    coalesce(p_reason, 'Events that had no handler became due again'),
    jsonb_build_object('since', p_since, 'count', v_count)
  );
  return jsonb_build_object('success', true, 'count', v_count);
end;
$$;
comment on function private.requeue_unhandled is 'Make the events of a type due again that had no handler and are not about the caller, and audit it; or return the refusal.';

create function private.find_webhook_event(p_event_id text, p_type text, p_since text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_since constant timestamptz := private.time_or_null(p_since);
begin
  perform private.refuse_unless_valid(p_since is null or v_since is not null);
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
        and (v_since is null or received_at >= v_since)
      order by received_at desc
      limit 1
    ),
    '{"found": false}'
  );
end;
$$;
comment on function private.find_webhook_event is 'Return the times at which an event was received and settled; see the public wrapper.';
grant execute on function private.find_webhook_event to service_role;

create function private.staff_read_event(p_event_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_event public.webhook_events;
begin
  perform private.refuse_unless_staff();
  select * into v_event from public.webhook_events where event_id = p_event_id;
  if v_event.event_id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'There is no such event');
  elsif private.is_event_about(v_event, auth.uid()) then
    return private.refusal('FORBIDDEN', 'This event is about you or an order of yours');
  end if;
  return jsonb_build_object(
    'success', true,
    -- The payload may describe a person, so it is left out.
    'event', jsonb_build_object(
      'event_id', v_event.event_id,
      'source', v_event.source,
      'type', v_event.type,
      'object_id', v_event.object_id,
      'order_id', v_event.order_id,
      'status', v_event.status,
      'outcome', v_event.outcome,
      'attempts', v_event.attempts,
      'error_code', v_event.error_code,
      'error_message', v_event.error_message,
      'created_at', v_event.created_at,
      'received_at', v_event.received_at,
      'next_attempt_at', v_event.next_attempt_at,
      'processed_at', v_event.processed_at
    )
  );
end;
$$;
comment on function private.staff_read_event is 'Return an event without its payload to staff; see the public wrapper.';
grant execute on function private.staff_read_event to authenticated;
