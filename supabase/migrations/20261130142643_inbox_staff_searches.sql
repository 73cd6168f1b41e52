set lock_timeout = '2s';
set statement_timeout = '30s';

-- The new function has one more argument with a default, and takes the calls of the old one, which
-- would stay beside it.
-- squawk-ignore ban-drop-function
drop function public.requeue_ignored_events(text, text, uuid);
-- squawk-ignore ban-drop-function
drop function private.requeue_ignored_events(text, text, uuid);
-- squawk-ignore ban-drop-function
drop function private.requeue_unhandled(text, timestamptz);

create function private.staff_find_user(p_email text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid;
begin
  perform private.refuse_unless_staff();
  v_user_id := (select id from public.users where lower(email) = lower(p_email));
  if v_user_id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  return jsonb_build_object('success', true, 'user_id', v_user_id);
end;
$$;
comment on function private.staff_find_user is 'Find the user of an e-mail address for staff; see the public wrapper.';
grant execute on function private.staff_find_user to authenticated;

create function public.staff_find_user(email text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.staff_find_user(staff_find_user.email);
end;
$$;
comment on function public.staff_find_user is 'Find the user of a whole e-mail address as staff, in any case: {success, user_id}. Refusal: PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_find_user to authenticated;

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

create function public.requeue_ignored_events(
  type text, since text, client_request_id uuid default null, reason text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_ignored_events(
    requeue_ignored_events.type, requeue_ignored_events.since,
    requeue_ignored_events.client_request_id, requeue_ignored_events.reason
  );
end;
$$;
comment on function public.requeue_ignored_events is 'Make ignored events due again, for example when a new version handles their type: {success, count}. It takes the events of one type that were received since a time and had no handler, except those about the caller or the caller''s orders; for staff and our own processes, audited with the reason, if there is one. Refusals: VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';
grant execute on function public.requeue_ignored_events to authenticated, service_role;

create function public.staff_read_event(event_id text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.staff_read_event(staff_read_event.event_id);
end;
$$;
comment on function public.staff_read_event is 'Read one event of Stripe as staff, without its payload: {success, event {event_id, source, type, object_id, order_id, status, outcome, attempts, error_code, error_message, created_at, received_at, next_attempt_at, processed_at}}. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (the event is about the caller or an order of the caller). Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_read_event to authenticated;
