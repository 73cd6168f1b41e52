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
