set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.store_webhook_event;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function public.store_webhook_event;

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
