set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.store_webhook_event(
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
comment on function private.store_webhook_event is 'Store an event once and lease it to the caller; see the public wrapper.';
grant execute on function private.store_webhook_event to service_role;

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
      and private.is_wait(error_code)
    -- Events are locked before orders. The caller holds an order, so it must not wait here.
    for update skip locked
  );
end;
$$;
comment on function private.wake_waiting_events is 'Make events due at once if they wait for another event about this PaymentIntent.';

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
  perform private.refuse_unless_staff();
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
    'The event got all of its tries again', jsonb_build_object('status', v_event.status)
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.requeue_webhook_event is 'Give an open or dead event all of its tries again, and audit it; see the public wrapper.';
grant execute on function private.requeue_webhook_event to authenticated, service_role;

create function private.requeue_ignored_events(p_type text, p_since text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_since constant timestamptz := private.time_or_null(p_since);
  v_count integer;
begin
  perform private.refuse_unless_staff();
  if p_type is null or v_since is null then
    return private.refusal(
      'VALIDATION_ERROR', 'Give an event type, and a time with an offset as 2026-12-02T20:00:00Z'
    );
  end if;
  update public.webhook_events
  set
    status = 'received', outcome = null, processed_at = null, attempts = 0,
    next_attempt_at = v_now, error_code = null
  where type = p_type
    and received_at >= v_since
    and outcome = 'ignored'
    and error_code = 'unhandled_type'
    and payload is not null;
  get diagnostics v_count = row_count;
  perform private.write_audit(
    auth.uid(), 'ignored_events_requeued', 'webhook_events', p_type,
    'Events that had no handler became due again',
    jsonb_build_object('since', v_since, 'count', v_count)
  );
  return jsonb_build_object('success', true, 'count', v_count);
end;
$$;
comment on function private.requeue_ignored_events is 'Make events due again that were ignored without a handler, and audit it; see the public wrapper.';
grant execute on function private.requeue_ignored_events to authenticated, service_role;

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
  if p_since is not null and v_since is null then
    raise sqlstate 'PT400' using message = 'VALIDATION_ERROR';
  end if;
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

create function public.store_webhook_event(
  event_id text, source text, type text, livemode boolean, created bigint, order_ref text,
  payment_intent_id text, object_id text, payload jsonb, payload_sha256 text, lease_token uuid,
  api_version text default null
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
    store_webhook_event.api_version
  );
end;
$$;
comment on function public.store_webhook_event is 'Store an event durably: {stored, status, outcome, leased, hash_conflict, version_conflict?}. A new event is leased to the caller for 10 s; the same token may call again. A redelivery of an open or dead event that nobody holds leases it to the caller, due at once. Another content under a known id is a hash_conflict and changes nothing. The same event in the shape of another api_version is a version_conflict and is processed like any redelivery.';
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

create function public.requeue_webhook_event(event_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_webhook_event(requeue_webhook_event.event_id);
end;
$$;
comment on function public.requeue_webhook_event is 'Give a dead or open event all of its tries again, due at once; for staff and our own processes. Refusal: CONFLICT when it is settled. Raises FORBIDDEN, EVENT_NOT_FOUND.';
grant execute on function public.requeue_webhook_event to authenticated, service_role;

create function public.requeue_ignored_events(type text, since text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_ignored_events(
    requeue_ignored_events.type, requeue_ignored_events.since
  );
end;
$$;
comment on function public.requeue_ignored_events is 'Make ignored events due again, for example when a new version handles their type: {success, count}. It takes the events of one type that were received since a time and had no handler; for staff and our own processes. Refusal: VALIDATION_ERROR. Raises FORBIDDEN.';
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

alter table public.webhook_events enable row level security;
-- These columns are enough to wake a worker. With more, each payload would travel to every worker.
grant select (event_id, status, next_attempt_at) on public.webhook_events to service_role;
