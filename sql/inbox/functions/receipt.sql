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
