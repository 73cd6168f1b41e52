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
