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
