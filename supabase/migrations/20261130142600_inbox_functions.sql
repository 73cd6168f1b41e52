-- This migration makes inbox and outbox work, and the back-off that both share.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Queues: functions.

create function private.retry_delay(p_tries_before integer)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_tries_before + 1 >= private.setting('queue_max_attempts')::integer then
    return null;
  end if;
  return private.back_off(p_tries_before);
end;
$$;
comment on function private.retry_delay is 'Return the pause after one more failed try, or null when no try is left.';

create function private.back_off(p_tries_before integer)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return make_interval(secs => least(
    private.setting('queue_retry_cap_s')::double precision,
    -- The power stays small, because the number of tries has no limit.
    private.setting('queue_retry_base_s')::double precision * 2 ^ least(p_tries_before, 30)
  ));
end;
$$;
comment on function private.back_off is 'Return the pause after one more failed try: it doubles each time, up to the cap.';

create function private.waiting_delay(p_waited interval)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_waited >= private.setting_days('predecessor_wait_days') then
    return null;
  end if;
  -- Waiting spends no try, so the pause cannot follow from the tries. It is as long as the wait so
  -- far, between the base and the cap.
  return greatest(
    make_interval(secs => private.setting('queue_retry_base_s')::double precision),
    least(make_interval(secs => private.setting('queue_retry_cap_s')::double precision), p_waited)
  );
end;
$$;
comment on function private.waiting_delay is 'Return the pause of an event that waits for another one, or null if it has waited for predecessor_wait_days. The other event usually ends the wait earlier.';

create function private.stale_answer(p_subject text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_alerts constant text[] := private.unconfirmed_alerts(p_subject);
begin
  -- The caller may have closed the row itself, and may not have received the answer.
  return jsonb_build_object('stale', true)
    || case
      when v_alerts = '{}' then '{}'::jsonb else jsonb_build_object('alerts', to_jsonb(v_alerts))
    end;
end;
$$;
comment on function private.stale_answer is 'Return the answer to a call whose lease has ended: {stale: true}, and the alerts of the row that no process has confirmed.';

create function private.refuse_unless_staff()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if coalesce(auth.role(), '') <> 'service_role' and not private.is_staff() then
    raise sqlstate 'PT403' using message = 'FORBIDDEN';
  end if;
end;
$$;
comment on function private.refuse_unless_staff is 'Raise FORBIDDEN unless the caller is staff or one of our own processes.';

-- Inbox: functions.

create function private.unknown_event_ids(p_ids text[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return coalesce(
    (
      select jsonb_agg(given.id order by given.position)
      from unnest(p_ids) with ordinality as given (id, position)
      where not exists (select from public.webhook_events where event_id = given.id)
    ),
    '[]'
  );
end;
$$;
comment on function private.unknown_event_ids is 'Return the ids that the inbox does not hold; see the public wrapper.';
grant execute on function private.unknown_event_ids to service_role;

create function private.requeue_events_of_orders(p_order_refs text[], p_now timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  update public.webhook_events
  set
    status = 'received', outcome = null, processed_at = null, attempts = 0,
    next_attempt_at = p_now, error_code = null
  where event_id in (
    select event_id from public.webhook_events
    where outcome = 'order_not_found' and order_ref = any(p_order_refs) and payload is not null
    -- Events are locked before orders. The caller may hold an auction or order, so it must not wait
    -- here.
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.requeue_events_of_orders is 'Make events due again that found no order when they came. After a restore an event may come before its order is created again. Return their number.';

create function private.requeue_found_events(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return private.requeue_events_of_orders(
    array(
      select event.order_ref
      from public.webhook_events as event
        join public.orders on orders.id = private.order_id_in(event.order_ref)
      where event.outcome = 'order_not_found' and event.payload is not null
      limit p_max_rows
    ),
    v_now
  );
end;
$$;
comment on function private.requeue_found_events is 'Make events due again whose order exists by now; see the public wrapper.';
grant execute on function private.requeue_found_events to service_role;

create function private.store_webhook_event(
  p_event_id text, p_source text, p_type text, p_livemode boolean, p_created bigint,
  p_order_ref text, p_payment_intent_id text, p_object_id text, p_payload jsonb,
  p_payload_sha256 text, p_lease_token uuid, p_api_version text, p_effect text,
  p_arguments jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_stored constant jsonb := private.store_event(
    p_event_id, p_source, p_type, p_livemode, p_created, p_order_ref, p_payment_intent_id,
    p_object_id, p_payload, p_payload_sha256, p_lease_token, p_api_version
  );
  v_effect jsonb;
  v_code text;
  v_message text;
begin
  if p_effect is null or (v_stored -> 'hash_conflict')::boolean then
    return v_stored;
  end if;

  begin
    v_effect := private.apply_effect(p_event_id, p_effect, p_arguments);
    -- A deferred constraint that failed at the commit would also undo the storing.
    set constraints all immediate;
  exception when others then
    get stacked diagnostics v_code = returned_sqlstate, v_message = message_text;
    return v_stored || jsonb_build_object(
      'effect_error', jsonb_build_object('code', v_code, 'message', v_message)
    );
  end;
  set constraints all deferred;
  return v_stored || jsonb_build_object('effect', v_effect);
end;
$$;
comment on function private.store_webhook_event is 'Store an event, and apply its effect in a subtransaction with the rights of the caller; see the public wrapper.';
grant execute on function private.store_webhook_event to service_role;

create function private.store_event(
  p_event_id text, p_source text, p_type text, p_livemode boolean, p_created bigint,
  p_order_ref text, p_payment_intent_id text, p_object_id text, p_payload jsonb,
  p_payload_sha256 text, p_lease_token uuid, p_api_version text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event public.webhook_events;
  v_now timestamptz;
  v_content text;
begin
  perform private.refuse_unless_valid(
    p_source in ('stripe', 'stripe_identity')
    and num_nulls(p_event_id, p_type, p_livemode, p_payload_sha256, p_created) = 0
  );
  v_now := private.clock();
  insert into public.webhook_events (
    event_id, source, type, livemode, order_ref, payment_intent_id, object_id, payload,
    payload_sha256, next_attempt_at, created_at, received_at, leased_until, lease_token,
    api_version
  )
  values (
    p_event_id, p_source, p_type, p_livemode, p_order_ref, p_payment_intent_id, p_object_id,
    p_payload, p_payload_sha256, v_now, to_timestamp(p_created), v_now,
    -- The insert wakes a worker, but the lease leaves the event to the request that stored it.
    v_now + interval '10 seconds', p_lease_token, p_api_version
  )
  on conflict (event_id) do nothing
  returning * into v_event;
  if found then
    return private.stored_answer(v_event, true, 'same', p_lease_token, v_now);
  end if;

  select * into v_event from public.webhook_events where event_id = p_event_id for update;
  v_now := private.clock();
  v_content := private.compare_content(v_event, p_payload_sha256, p_api_version);
  if private.is_event_free(v_event, v_now) and v_content <> 'other' then
    update public.webhook_events
    set
      status = case status when 'dead' then 'failed' else status end,
      next_attempt_at = v_now,
      leased_until = v_now + interval '10 seconds',
      lease_token = p_lease_token
    where event_id = p_event_id
    returning * into v_event;
  end if;
  return private.stored_answer(v_event, false, v_content, p_lease_token, v_now);
end;
$$;
comment on function private.store_event is 'Store an event once and lease it to the caller. The answer is that of store_webhook_event without an effect.';
grant execute on function private.store_event to service_role;

create function private.compare_content(
  p_event public.webhook_events, p_payload_sha256 text, p_api_version text
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_event.payload_sha256 = p_payload_sha256 then 'same'
    -- Stripe gives one event another shape for each version of its API.
    when p_event.api_version is distinct from p_api_version then 'other_version'
    else 'other'
  end;
end;
$$;
comment on function private.compare_content is 'Compare a delivery with the stored event of the same id. Answers same, other_version or other; only other is suspicious.';

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
comment on function private.is_event_free is 'Return true if an event is open or dead and nobody holds its lease.';

create function private.stored_answer(
  p_event public.webhook_events, p_is_new boolean, p_content text, p_lease_token uuid,
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
      and p_content <> 'other',
      false
    ),
    'hash_conflict', p_content = 'other'
  ) || case when p_content = 'other_version' then '{"version_conflict": true}' else '{}' end::jsonb;
end;
$$;
comment on function private.stored_answer is 'Return the answer of store_webhook_event. leased is true if the caller holds the event and must process it.';

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
comment on function private.lock_event is 'Lock an event and return it as it is now. Every effect RPC takes this lock first, so a concurrent call waits and then sees that the event is settled. Raises EVENT_NOT_FOUND.';

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
comment on function private.effect_answer is 'Return the answer of an effect RPC. The caller logs each alert as an error.';

create function private.settled_answer(p_event public.webhook_events)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.effect_answer(
    'already_processed', p_event.order_id,
    p_alerts => private.unconfirmed_alerts(p_event.event_id)
  );
end;
$$;
comment on function private.settled_answer is 'Return the answer for an event that was settled before. It repeats the alerts that nobody has confirmed.';

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
  return private.effect_answer(
    p_outcome, p_order_id, p_outbox_ids, private.raise_alerts(p_event_id, p_alerts)
  );
end;
$$;
comment on function private.settle_event is 'Mark an event as settled in the transaction of its effect, and return the answer. The caller holds the lock of the event.';

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
    return private.settled_answer(v_event);
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
    when not private.is_about_money(p_type) then '{}'
    when p_reason = 'unhandled_type' then array['money_event_unhandled']
    when p_type not in ('payment_intent.payment_failed', 'payment_intent.canceled')
      then array['money_without_an_order']
    else '{}'
  end;
end;
$$;
comment on function private.ignored_alerts is 'Return the alert for an ignored event about money: it has no handler, or it names no order of ours.';

create function private.is_about_money(p_type text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- These types need no handler: Stripe sends each of them together with an event that has one, or
  -- before money moves.
  return p_type not in (
    'balance.available', 'charge.captured', 'charge.expired', 'charge.failed', 'charge.pending',
    'charge.succeeded', 'charge.updated', 'checkout.session.expired', 'payment_intent.created',
    'payment_intent.processing', 'payment_intent.requires_action'
  )
  and split_part(p_type, '.', 1) in (
    'application_fee', 'balance', 'cash_balance', 'charge', 'checkout', 'credit_note',
    'customer_cash_balance_transaction', 'invoice', 'invoice_payment', 'issuing_authorization',
    'issuing_dispute', 'issuing_transaction', 'payment_intent', 'payout', 'radar', 'refund',
    'review', 'topup', 'transfer', 'treasury'
  );
end;
$$;
comment on function private.is_about_money is 'Return true if events of this type are about money that moves, is held or is at risk.';

create function private.apply_effect(p_event_id text, p_effect text, p_arguments jsonb)
returns jsonb
language plpgsql
set search_path = ''
-- A longer wait would use up the time that the caller has for storing the event alone.
set lock_timeout = '300ms'
as $$
begin
  case p_effect
    when 'apply_payment_succeeded' then
      return public.apply_payment_succeeded(
        p_event_id,
        p_arguments ->> 'order_id',
        p_arguments ->> 'payment_intent_id',
        p_arguments ->> 'charge_id',
        (p_arguments ->> 'amount_cents')::bigint,
        p_arguments ->> 'currency',
        p_arguments ->> 'buyer_id'
      );
    when 'apply_payment_failed' then
      return public.apply_payment_failed(
        p_event_id,
        p_arguments ->> 'order_id',
        p_arguments ->> 'payment_intent_id',
        p_arguments ->> 'charge_id',
        p_arguments ->> 'error_message'
      );
    when 'apply_payment_authorized' then
      return public.apply_payment_authorized(
        p_event_id,
        p_arguments ->> 'order_id',
        p_arguments ->> 'payment_intent_id',
        (p_arguments ->> 'capturable_cents')::bigint
      );
    when 'apply_payment_canceled' then
      return public.apply_payment_canceled(
        p_event_id, p_arguments ->> 'order_id', p_arguments ->> 'payment_intent_id'
      );
    when 'ignore_webhook_event' then
      return public.ignore_webhook_event(p_event_id, p_arguments ->> 'reason');
    else
      raise sqlstate 'PT400' using message = 'VALIDATION_ERROR';
  end case;
end;
$$;
comment on function private.apply_effect is 'Call the effect RPC of this name with these arguments. A name that the list does not have is refused, so no caller chooses another function.';
grant execute on function private.apply_effect to service_role;

-- Inbox: RPCs.

create function public.store_webhook_event(
  event_id text, source text, type text, livemode boolean, created bigint, order_ref text,
  payment_intent_id text, object_id text, payload jsonb, payload_sha256 text, lease_token uuid,
  api_version text default null, effect text default null, arguments jsonb default null
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
    store_webhook_event.lease_token,
    store_webhook_event.api_version,
    store_webhook_event.effect,
    store_webhook_event.arguments
  );
end;
$$;
comment on function public.store_webhook_event is 'Store an event durably: {stored, status, outcome, leased, hash_conflict, version_conflict?}. A new event is leased to the caller for 10 s; the same token may call again. A redelivery of an open or dead event that nobody holds leases it to the caller, due at once. Another content under a known id is a hash_conflict and changes nothing. The same event in the shape of another api_version is a version_conflict and is processed like any redelivery. effect names an effect RPC to apply in the same call: apply_payment_succeeded, apply_payment_failed, apply_payment_canceled or ignore_webhook_event; arguments are those of that RPC without the event_id. The answer then has {effect} or {effect_error {code, message}}. After an error the event is stored and leased, so the caller calls the effect RPC alone. On a hash_conflict no effect is applied.';
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
comment on function public.fail_webhook_event is 'Record a failed try: {stale, status, attempts, next_attempt_at, alerts}. The event waits for its next try, or is dead after the last one. A stale token changes nothing and answers {stale: true}. PREDECESSOR_MISSING and REFUND_CONTRADICTED spend no try and wait up to predecessor_wait_days.';
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
comment on function public.claim_webhook_retries is 'Lease at most max_rows due events: an array of whole rows, each with created in Unix seconds and the lease_token that fail_webhook_event needs. Any number of workers may call.';
grant execute on function public.claim_webhook_retries to service_role;

create function public.requeue_webhook_event(
  event_id text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_webhook_event(
    requeue_webhook_event.event_id, requeue_webhook_event.client_request_id
  );
end;
$$;
comment on function public.requeue_webhook_event is 'Give a dead or open event all of its tries again, due at once; for staff and our own processes, audited. Refusals: FORBIDDEN (the event is about the caller or an order of the caller), CONFLICT when it is settled, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN, EVENT_NOT_FOUND.';
grant execute on function public.requeue_webhook_event to authenticated, service_role;

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

create function public.find_webhook_event(
  event_id text default null, type text default null, since text default null
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
comment on function public.find_webhook_event is 'Return the newest event of this id or type, for the canary: {found, event {event_id, type, created_at, processed_at}}. since is a time with an offset. Raises VALIDATION_ERROR.';
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
comment on function public.ignore_webhook_event is 'Settle an event as ignored, with the reason: {outcome, order_id, outbox_ids, alerts}. An event that was settled before answers already_processed. An event about money raises an alert if it has no handler or names no order.';
grant execute on function public.ignore_webhook_event to service_role;

create function public.unknown_event_ids(ids text[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.unknown_event_ids(unknown_event_ids.ids);
end;
$$;
comment on function public.unknown_event_ids is 'Return those of these event ids that the inbox does not hold, in their order.';
grant execute on function public.unknown_event_ids to service_role;

create function public.requeue_found_events(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_found_events(requeue_found_events.max_rows);
end;
$$;
comment on function public.requeue_found_events is 'Make events due again that named an unknown order when they came, and whose order exists by now. Return their number.';
grant execute on function public.requeue_found_events to service_role;

create function public.replay_webhook_event(event_id text, actor_id uuid, reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.replay_webhook_event(
    replay_webhook_event.event_id, replay_webhook_event.actor_id, replay_webhook_event.reason
  );
end;
$$;
comment on function public.replay_webhook_event is 'Give a dead or open event all of its tries again, due at once: {success}. Audited with this member of staff, whose rights the caller has checked. A repeat changes nothing and succeeds. Refusals: RESOURCE_NOT_FOUND, VALIDATION_ERROR, FORBIDDEN when the event is about this member of staff or an order of theirs, CONFLICT when it is settled.';
grant execute on function public.replay_webhook_event to service_role;

create function public.list_dead_events(
  max_rows integer default 50, after_id text default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_dead_events(list_dead_events.max_rows, list_dead_events.after_id);
end;
$$;
comment on function public.list_dead_events is 'Return the dead events, the newest first: an array of {event_id, source, type, order_ref, object_id, attempts, error_code, error_message, created_at, received_at}. For the next page, send the id of the last event as after_id.';
grant execute on function public.list_dead_events to service_role;

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

-- Inbox: grants and row level security.

alter table public.webhook_events enable row level security;
-- These columns are enough to wake a worker. With more, each payload would travel to every worker.
grant select (event_id, status, next_attempt_at) on public.webhook_events to service_role;

-- Outbox: functions.

create function private.claim_outbox(p_max_rows integer, p_lease_s integer)
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
    select id from public.outbox
    where (status = 'queued' and next_attempt_at <= v_now)
      or (status = 'leased' and leased_until <= v_now)
    order by next_attempt_at
    limit p_max_rows
    for update skip locked
  ), claimed as (
    update public.outbox as job
    set
      status = 'leased',
      leased_until = v_now + make_interval(secs => p_lease_s),
      lease_token = gen_random_uuid()
    from due
    where job.id = due.id
    returning job.*
  )
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'id', id,
        'kind', kind,
        'payload', payload,
        'dedupe_key', dedupe_key,
        'attempts', attempts,
        'answered_errors', answered_errors,
        'lease_token', lease_token,
        'order_id', payload ->> 'order_id'
      )
      order by next_attempt_at, id
    ),
    '[]'
  )
  into v_rows
  from claimed;
  return v_rows;
end;
$$;
comment on function private.claim_outbox is 'Lease due rows to the caller; see the public wrapper.';
grant execute on function private.claim_outbox to service_role;

create function private.claim_send_permission(p_outbox_id uuid, p_lease_token uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job constant public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
  v_reason text;
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text) || jsonb_build_object('may_send', false);
  end if;
  v_reason := private.send_refusal(v_job);
  if v_reason is not null then
    perform private.close_outbox(v_job.id, 'canceled', p_last_error => v_reason);
  elsif v_job.kind = 'transfer' then
    v_reason := private.postpone_transfer(v_job);
  end if;
  return jsonb_build_object('may_send', v_reason is null, 'stale', false, 'reason', v_reason)
    || case when v_reason is null then private.fix_payload(v_job) else '{}' end;
end;
$$;
comment on function private.claim_send_permission is 'Check once more that a row may be sent; see the public wrapper.';
grant execute on function private.claim_send_permission to service_role;

create function private.lock_leased(p_outbox_id uuid, p_lease_token uuid)
returns public.outbox
language plpgsql
set search_path = ''
as $$
declare
  v_job public.outbox;
begin
  select * into v_job from public.outbox where id = p_outbox_id;
  -- The result of the row may change its order, and orders are locked first.
  perform from public.orders where id = (v_job.payload ->> 'order_id')::uuid for update;
  -- The same holds for the verification that a redaction belongs to.
  perform from private.kyc_sessions
  where stripe_session_id = v_job.payload ->> 'stripe_session_id'
  for update;
  select * into v_job from public.outbox
  where id = p_outbox_id and status = 'leased' and lease_token = p_lease_token
  for update;
  return v_job;
end;
$$;
comment on function private.lock_leased is 'Lock the order or verification of a row, then the row, and return the row. Null if another worker has the lease or the row is closed.';

create function private.send_refusal(p_job public.outbox)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_job.kind in ('refund', 'auto_refund') and not exists (
    select from public.refunds
    where id = (p_job.payload ->> 'refund_id')::uuid and status = 'pending'
  ) then
    return 'REFUND_IS_SETTLED';
  elsif p_job.kind = 'cancel_intent' and exists (
    select from public.payments
    where stripe_payment_intent_id = p_job.payload ->> 'payment_intent_id'
      and private.is_captured(status)
  ) then
    return 'INTENT_HAS_SUCCEEDED';
  elsif p_job.kind = 'transfer' then
    return (
      select private.transfer_refusal(orders) from public.orders
      where id = (p_job.payload ->> 'order_id')::uuid
    );
  elsif p_job.kind = 'transfer_reversal' and private.reversible_cents(p_job) <= 0 then
    return 'NOTHING_IN_EXCESS';
  elsif p_job.kind = 'redact_identity' then
    return private.redaction_refusal(p_job.payload ->> 'stripe_session_id');
  end if;
  return null;
end;
$$;
comment on function private.send_refusal is 'Return the reason why a row must not be sent any more, or null.';

create function private.fix_payload(p_job public.outbox)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return case p_job.kind
    when 'transfer' then (
      select jsonb_build_object('payload', private.fix_transfer(p_job, orders)) from public.orders
      where id = (p_job.payload ->> 'order_id')::uuid
    )
    when 'transfer_reversal' then jsonb_build_object('payload', private.fix_reversal(p_job))
    else '{}'
  end;
end;
$$;
comment on function private.fix_payload is 'Fix the amount of a transfer or of a reversal, and return its payload for the sender. Other rows keep their payload.';

create function private.finish_outbox(
  p_outbox_id uuid, p_lease_token uuid, p_stripe_object_id text, p_result jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job constant public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text);
  end if;
  perform private.close_outbox(v_job.id, 'done', p_stripe_object_id, p_tries => 1);
  return private.raise_outbox_alerts(
    v_job.id, 'done', private.settle_outbox(v_job, p_stripe_object_id, p_result)
  );
end;
$$;
comment on function private.finish_outbox is 'Close a row with the answer of Stripe; see the public wrapper.';
grant execute on function private.finish_outbox to service_role;

create function private.fail_outbox(p_outbox_id uuid, p_lease_token uuid, p_error_code text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
  v_now constant timestamptz := private.clock();
  v_is_wait boolean;
  v_is_unanswered constant boolean := private.is_unanswered_error(p_error_code);
  v_is_free boolean;
  v_delay interval;
  v_alerts text[];
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text);
  end if;
  v_is_wait := private.is_money_wait(v_job.kind, p_error_code);
  v_is_free := v_is_wait or v_is_unanswered or p_error_code = 'VERIFICATION_UNDER_WAY';
  if v_is_wait then
    -- The time of the first refusal stays.
    v_job.payload := jsonb_build_object('unpaid_since', v_now) || v_job.payload;
  end if;
  v_delay := private.delay_after_error(v_job, p_error_code, v_now);
  v_alerts := private.alerts_after_error(v_job, p_error_code, v_delay);
  update public.outbox
  set
    status = case when v_delay is null then 'dead' else 'queued' end::public.outbox_status,
    payload = v_job.payload,
    attempts = attempts + (not v_is_free)::integer,
    answered_errors = answered_errors + private.is_answered_error(p_error_code)::integer,
    unanswered_tries = case when v_is_unanswered then unanswered_tries + 1 else 0 end,
    next_attempt_at = coalesce(v_now + v_delay, next_attempt_at),
    last_error = p_error_code,
    leased_until = null,
    lease_token = null
  where id = v_job.id
  returning * into v_job;
  if v_is_wait and v_job.status = 'dead' then
    perform private.wake_transfers((v_job.payload ->> 'seller_id')::uuid);
  end if;
  return private.raise_outbox_alerts(v_job.id, v_job.status, v_alerts);
end;
$$;
comment on function private.fail_outbox is 'Record a failed try: the row waits for its next one, or is dead; see the public wrapper.';
grant execute on function private.fail_outbox to service_role;

create function private.delay_after_error(
  p_job public.outbox, p_error_code text, p_now timestamptz
)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when private.is_money_wait(p_job.kind, p_error_code)
      then private.money_wait_delay(p_job, p_now)
    when p_error_code = 'VERIFICATION_UNDER_WAY' then private.verification_wait_delay()
    when private.is_unanswered_error(p_error_code)
      then private.back_off(p_job.unanswered_tries)
    else private.retry_delay(p_job.attempts)
  end;
end;
$$;
comment on function private.delay_after_error is 'Return the pause of a row after a failed try, or null if the row is dead.';

create function private.alerts_after_error(
  p_job public.outbox, p_error_code text, p_delay interval
)
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_delay is null then array['outbox_row_dead']
    when private.is_money_wait(p_job.kind, p_error_code) then array['transfer_waits_for_money']
    -- The pause reaches its cap with this try.
    when private.is_unanswered_error(p_error_code)
      and p_delay = private.back_off(p_job.unanswered_tries + 1)
      and p_delay > private.back_off(p_job.unanswered_tries - 1)
      then array['outbox_row_unanswered']
    else '{}'::text[]
  end;
end;
$$;
comment on function private.alerts_after_error is 'Return the alerts of a failed try. While Stripe gives a row no answer, only the try whose pause reaches the cap raises an alert.';

create function private.reject_outbox(p_outbox_id uuid, p_lease_token uuid, p_error_code text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job constant public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
  v_status public.outbox_status := 'dead';
  v_alerts text[] := '{outbox_row_rejected}';
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text);
  elsif v_job.kind = 'cancel_intent' then
    -- The intent has succeeded or was canceled already. Its event applies the result.
    v_status := 'done';
    v_alerts := '{}';
  elsif v_job.kind in ('refund', 'auto_refund') then
    v_status := 'canceled';
    v_alerts := v_alerts || private.settle_outbox(v_job, null, '{"status": "failed"}');
  end if;
  perform private.close_outbox(v_job.id, v_status, p_last_error => p_error_code, p_tries => 1);
  -- Stripe replays its refusal under the same key for a day. The row may be queued again before.
  update public.outbox set answered_errors = answered_errors + 1 where id = v_job.id;
  perform private.replace_refused_amount(v_job);
  return private.raise_outbox_alerts(v_job.id, v_status, v_alerts);
end;
$$;
comment on function private.reject_outbox is 'Close a row that Stripe has refused for good; see the public wrapper.';
grant execute on function private.reject_outbox to service_role;

create function private.settle_outbox(
  p_job public.outbox, p_stripe_object_id text, p_result jsonb
)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_intent_id constant text := p_job.payload ->> 'payment_intent_id';
  v_order_id constant uuid := p_job.payload ->> 'order_id';
  v_stripe_status constant text := p_result ->> 'status';
begin
  if p_job.kind in ('refund', 'auto_refund') then
    return (
      private.settle_refund(
        v_intent_id,
        p_job.id::text,
        p_stripe_object_id,
        (p_job.payload ->> 'amount_cents')::bigint,
        coalesce(v_stripe_status, 'pending')
      )
    ).alerts;
  elsif p_job.kind = 'cancel_intent' and v_stripe_status = 'canceled' then
    perform private.settle_canceled_intent(v_order_id, v_intent_id);
  elsif p_job.kind in ('transfer', 'transfer_reversal') then
    return private.settle_sent_transfer(
      p_job, p_stripe_object_id, (p_result ->> 'amount_cents')::bigint
    );
  elsif p_job.kind = 'redact_identity' then
    perform private.settle_redaction(p_job.payload ->> 'stripe_session_id', v_stripe_status);
  end if;
  return '{}';
end;
$$;
comment on function private.settle_outbox is 'Apply Stripe''s result for a row, by the same functions that apply the event about it. Return alerts.';

create function private.raise_outbox_alerts(
  p_outbox_id uuid, p_status public.outbox_status, p_alerts text[]
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'stale', false,
    'status', p_status,
    'alerts', to_jsonb(private.raise_alerts(p_outbox_id::text, p_alerts))
  );
end;
$$;
comment on function private.raise_outbox_alerts is 'Keep the alerts of a row until a process confirms them, and return the answer of the call that ended a try.';

create function private.is_unanswered_error(p_error_code text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_error_code in ('STRIPE_UNREACHABLE', 'STRIPE_RATE_LIMITED', 'STRIPE_CONFLICT');
end;
$$;
comment on function private.is_unanswered_error is 'Return true if Stripe was unreachable or too busy to decide about a call. Such a try says nothing about the row, so it must not use up the row.';

create function private.is_answered_error(p_error_code text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_error_code in (
    'STRIPE_ERROR', 'STRIPE_REFUSED', 'STRIPE_EMAIL_REFUSED', 'STRIPE_BALANCE_INSUFFICIENT',
    'STRIPE_ACCOUNT_UNABLE', 'VERIFICATION_UNDER_WAY'
  );
end;
$$;
comment on function private.is_answered_error is 'Return true if Stripe answered a call with an error other than 409 and 429. Stripe replays that answer under its idempotency key for a day, so the next try needs another key. When no answer came the key must stay, or Stripe could do the work twice.';

create function private.queue_outbox(p_kind text, p_payload jsonb, p_dedupe_key text)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_id constant uuid := private.outbox_id(p_dedupe_key);
begin
  insert into public.outbox (id, kind, payload, dedupe_key, next_attempt_at)
  values (v_id, p_kind, p_payload, p_dedupe_key, v_now)
  on conflict (dedupe_key) do nothing;
  return v_id;
end;
$$;
comment on function private.queue_outbox is 'Queue work at Stripe, once per dedupe_key; return the id of the row, old or new.';

create function private.outbox_id(p_dedupe_key text)
returns uuid
language plpgsql
immutable
set search_path = ''
as $$
begin
  return md5('outbox:' || p_dedupe_key)::uuid;
end;
$$;
comment on function private.outbox_id is 'Return the id of the row with this key. It follows from the key, so a restored database makes the same row again.';

create function private.close_outbox(
  p_outbox_id uuid, p_status public.outbox_status, p_stripe_object_id text default null,
  p_last_error text default null, p_tries integer default 0
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.outbox
  set
    status = p_status,
    -- A try counts when its result is known: a worker that stops before it sends has spent none.
    attempts = attempts + p_tries,
    stripe_object_id = coalesce(p_stripe_object_id, stripe_object_id),
    last_error = p_last_error,
    leased_until = null,
    lease_token = null
  where id = p_outbox_id and status in ('queued', 'leased');
end;
$$;
comment on function private.close_outbox is 'Close an open row; a closed row stays as it is.';

create function private.complete_outbox(p_outbox_id uuid, p_stripe_object_id text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- Stripe has made the object, so a row that was canceled or dead meanwhile is done as well.
  update public.outbox
  set
    status = 'done', stripe_object_id = p_stripe_object_id, last_error = null,
    leased_until = null, lease_token = null
  where id = p_outbox_id and status <> 'done';
end;
$$;
comment on function private.complete_outbox is 'Mark a row as done by this object at Stripe, whatever its status was.';

create function private.revive_outbox(p_outbox_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  update public.outbox
  set
    status = 'queued', attempts = 0, unanswered_tries = 0, next_attempt_at = v_now,
    last_error = null
  where id = p_outbox_id and status in ('canceled', 'dead');
end;
$$;
comment on function private.revive_outbox is 'Queue a closed row again, with all of its tries.';

create function private.requeue_outbox(
  p_outbox_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'requeue_outbox', p_client_request_id, jsonb_build_array(p_outbox_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  return private.finish_request(
    p_client_request_id, private.requeue_dead_row(p_outbox_id, p_reason)
  );
end;
$$;
comment on function private.requeue_outbox is 'Give a dead row all of its tries again; see the public wrapper.';
grant execute on function private.requeue_outbox to authenticated, service_role;

create function private.requeue_dead_row(p_outbox_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.reason_refusal(p_reason);
  v_job public.outbox;
  v_now timestamptz;
begin
  select * into v_job from public.outbox where id = p_outbox_id for update;
  v_now := private.clock();
  if v_job.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'There is no such outbox row');
  elsif private.is_party((v_job.payload ->> 'order_id')::uuid, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You are a party of this order');
  elsif v_refusal is not null then
    return v_refusal;
  elsif v_job.status <> 'dead' then
    return private.refusal('CONFLICT', 'Only a dead row can be queued again');
  end if;

  update public.outbox
  set
    status = 'queued', attempts = 0, unanswered_tries = 0, next_attempt_at = v_now,
    payload = payload - 'unpaid_since'
  where id = p_outbox_id;
  perform private.write_audit(
    auth.uid(), 'outbox_row_requeued', 'outbox', p_outbox_id::text,
    private.plain_reason(p_reason),
    jsonb_build_object('kind', v_job.kind, 'last_error', v_job.last_error)
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.requeue_dead_row is 'Queue a dead row again with all of its tries, and audit it; or return the refusal.';

create function private.list_dead_outbox_rows(p_max_rows integer, p_after_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_after_at constant timestamptz := (
    select created_at from public.outbox where id = p_after_id
  );
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(page) order by page.created_at desc, page.id desc), '[]')
    from (
      -- A payload names people and their accounts at Stripe, so only its order is answered.
      select
        id, kind, payload ->> 'order_id' as order_id, stripe_object_id, attempts, answered_errors,
        last_error, created_at, updated_at
      from public.outbox
      where
        status = 'dead'
        and (p_after_id is null or (created_at, id) < (v_after_at, p_after_id))
      order by created_at desc, id desc
      limit p_max_rows
    ) as page
  );
end;
$$;
comment on function private.list_dead_outbox_rows is 'Return a page of the dead rows; see the public wrapper.';
grant execute on function private.list_dead_outbox_rows to service_role;

-- Outbox: RPCs.

create function public.claim_outbox(max_rows integer, lease_s integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_outbox(claim_outbox.max_rows, claim_outbox.lease_s);
end;
$$;
comment on function public.claim_outbox is 'Lease at most max_rows due rows: an array of {id, kind, payload, dedupe_key, attempts, answered_errors, lease_token, order_id}. A claim spends no try. Any number of workers may call.';
grant execute on function public.claim_outbox to service_role;

create function public.claim_send_permission(outbox_id uuid, lease_token uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_send_permission(claim_send_permission.outbox_id, claim_send_permission.lease_token);
end;
$$;
comment on function public.claim_send_permission is 'Check once more before a row is sent: {may_send, stale, reason, payload}. A row that must not be sent any more is canceled; a transfer whose seller cannot be paid yet waits. The payload of a transfer or reversal is fixed here, with its amount. A stale token changes nothing.';
grant execute on function public.claim_send_permission to service_role;

create function public.finish_outbox(
  outbox_id uuid, lease_token uuid, stripe_object_id text, result jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.finish_outbox(
    finish_outbox.outbox_id,
    finish_outbox.lease_token,
    finish_outbox.stripe_object_id,
    finish_outbox.result
  );
end;
$$;
comment on function public.finish_outbox is 'Close a row as done. result is the answer of Stripe; only its status and amount_cents are read. Answers {stale, status, alerts}. A stale token changes nothing.';
grant execute on function public.finish_outbox to service_role;

create function public.fail_outbox(outbox_id uuid, lease_token uuid, error_code text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.fail_outbox(
    fail_outbox.outbox_id, fail_outbox.lease_token, fail_outbox.error_code
  );
end;
$$;
comment on function public.fail_outbox is 'Record a failed try: {stale, status, alerts}. The row waits for its next try, or is dead after the last one. After an error that Stripe answered (STRIPE_ERROR, STRIPE_REFUSED, STRIPE_EMAIL_REFUSED, STRIPE_BALANCE_INSUFFICIENT, STRIPE_ACCOUNT_UNABLE, VERIFICATION_UNDER_WAY) the next try has another idempotency key; after every other error the key stays. A transfer or reversal that Stripe refuses for money or ability waits without spending a try, and so does the redaction of a session whose document Stripe still checks.';
grant execute on function public.fail_outbox to service_role;

create function public.reject_outbox(outbox_id uuid, lease_token uuid, error_code text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.reject_outbox(
    reject_outbox.outbox_id, reject_outbox.lease_token, reject_outbox.error_code
  );
end;
$$;
comment on function public.reject_outbox is 'Record that Stripe refused for good: a refund fails and its reservation is reversed, a cancelled intent is done, any other row is dead. Answers {stale, status, alerts}.';
grant execute on function public.reject_outbox to service_role;

create function public.requeue_outbox(
  outbox_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_outbox(
    requeue_outbox.outbox_id, requeue_outbox.reason, requeue_outbox.client_request_id
  );
end;
$$;
comment on function public.requeue_outbox is 'Give a dead row all of its tries again, due at once: {success}; for staff and our own processes, audited. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (a party of the order), VALIDATION_ERROR, CONFLICT, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';
grant execute on function public.requeue_outbox to authenticated, service_role;

create function public.list_dead_outbox_rows(
  max_rows integer default 50, after_id uuid default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_dead_outbox_rows(
    list_dead_outbox_rows.max_rows, list_dead_outbox_rows.after_id
  );
end;
$$;
comment on function public.list_dead_outbox_rows is 'Return the dead rows, the newest first: an array of {id, kind, order_id, stripe_object_id, attempts, answered_errors, last_error, created_at, updated_at}. For the next page, send the id of the last row as after_id.';
grant execute on function public.list_dead_outbox_rows to service_role;

-- Outbox: grants and row level security.

alter table public.outbox enable row level security;
-- These columns are enough to wake a worker. With more, each payload would travel to every worker.
grant select (id, status, next_attempt_at) on public.outbox to service_role;

-- Outbox: triggers.

create trigger outbox_stamp_updated_at
before update on public.outbox
for each row execute function private.stamp_updated_at();
