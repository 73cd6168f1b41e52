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
  select * into v_job from public.outbox
  where id = p_outbox_id and status = 'leased' and lease_token = p_lease_token
  for update;
  return v_job;
end;
$$;
comment on function private.lock_leased is 'Lock the order of a row, then the row, and return the row. Null if another worker has the lease or the row is closed.';

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
  end if;
  return '{}';
end;
$$;
comment on function private.settle_outbox is 'Apply Stripe''s result for a row, by the same functions that apply the event about it. Return alerts.';

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
  v_delay interval;
  v_alerts text[] := '{}';
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text);
  end if;
  v_is_wait := private.is_money_wait(v_job.kind, p_error_code);
  if v_is_wait then
    v_alerts := '{transfer_waits_for_money}';
    -- The time of the first refusal stays.
    v_job.payload := jsonb_build_object('unpaid_since', v_now) || v_job.payload;
    v_delay := private.money_wait_delay(v_job, v_now);
  else
    v_delay := private.retry_delay(v_job.attempts);
  end if;
  if v_delay is null then
    v_alerts := '{outbox_row_dead}';
  end if;
  update public.outbox
  set
    status = case when v_delay is null then 'dead' else 'queued' end::public.outbox_status,
    payload = v_job.payload,
    attempts = attempts + (not v_is_wait)::integer,
    answered_errors = answered_errors + private.is_answered_error(p_error_code)::integer,
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

create function private.is_answered_error(p_error_code text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_error_code in (
    'STRIPE_ERROR', 'STRIPE_REFUSED', 'STRIPE_EMAIL_REFUSED', 'STRIPE_BALANCE_INSUFFICIENT',
    'STRIPE_ACCOUNT_UNABLE'
  );
end;
$$;
comment on function private.is_answered_error is 'Return true if Stripe answered a call with an error other than 409 and 429. Stripe replays that answer under its idempotency key for a day, so the next try needs another key. When no answer came the key must stay, or Stripe could do the work twice.';

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
  return private.raise_outbox_alerts(v_job.id, v_status, v_alerts);
end;
$$;
comment on function private.reject_outbox is 'Close a row that Stripe has refused for good; see the public wrapper.';
grant execute on function private.reject_outbox to service_role;

create function private.requeue_outbox(p_outbox_id uuid, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_job public.outbox;
  v_now timestamptz;
begin
  perform private.refuse_unless_staff();
  select * into v_job from public.outbox where id = p_outbox_id for update;
  v_now := private.clock();
  if v_job.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'There is no such outbox row');
  elsif coalesce(private.visible_length(v_reason), 0) < 10 or char_length(p_reason) > 500 then
    return private.refusal('VALIDATION_ERROR', 'A reason has 10 to 500 characters');
  elsif v_job.status <> 'dead' then
    return private.refusal('CONFLICT', 'Only a dead row can be queued again');
  end if;

  update public.outbox
  set
    status = 'queued', attempts = 0, next_attempt_at = v_now,
    payload = payload - 'unpaid_since'
  where id = p_outbox_id;
  perform private.write_audit(
    auth.uid(), 'outbox_row_requeued', 'outbox', p_outbox_id::text, v_reason,
    jsonb_build_object('kind', v_job.kind, 'last_error', v_job.last_error)
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.requeue_outbox is 'Give a dead row all of its tries again, and audit it; see the public wrapper.';
grant execute on function private.requeue_outbox to authenticated, service_role;
