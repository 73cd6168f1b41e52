set lock_timeout = '2s';
set statement_timeout = '30s';

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
comment on function private.outbox_id is 'The id of the row with this key, whether it is there or not.';

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
comment on function private.queue_outbox is 'Have something done outside, once per dedupe_key; returns the row''s id, also when it was there.';

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
      attempts = job.attempts + 1,
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
comment on function private.claim_outbox is 'Lease due rows of the outbox to the caller; see the public wrapper.';
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
  -- What comes of the row may change its order, and orders are locked first.
  perform from public.orders where id = (v_job.payload ->> 'order_id')::uuid for update;
  select * into v_job from public.outbox
  where id = p_outbox_id and status = 'leased' and lease_token = p_lease_token
  for update;
  return v_job;
end;
$$;
comment on function private.lock_leased is 'Lock a row''s order, then the row; null when the lease is not the caller''s any more.';

create function private.may_send(p_outbox_id uuid, p_lease_token uuid)
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
    return jsonb_build_object('may_send', false, 'stale', true);
  end if;
  v_reason := private.send_refusal(v_job);
  if v_reason is not null then
    perform private.close_outbox(v_job.id, 'canceled', p_last_error => v_reason);
  end if;
  return jsonb_build_object('may_send', v_reason is null, 'stale', false, 'reason', v_reason);
end;
$$;
comment on function private.may_send is 'The last look before a row is sent; see the public wrapper.';
grant execute on function private.may_send to service_role;

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
  end if;
  return null;
end;
$$;
comment on function private.send_refusal is 'Why a row must not go out any more, or null when it may.';

create function private.close_outbox(
  p_outbox_id uuid, p_status public.outbox_status, p_stripe_object_id text default null,
  p_last_error text default null
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.outbox
  set
    status = p_status,
    stripe_object_id = coalesce(p_stripe_object_id, stripe_object_id),
    last_error = p_last_error,
    leased_until = null,
    lease_token = null
  where id = p_outbox_id and status in ('queued', 'leased');
end;
$$;
comment on function private.close_outbox is 'End a row that is still open; one that is closed stays as it is.';

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
    return jsonb_build_object('stale', true);
  end if;
  perform private.close_outbox(v_job.id, 'done', p_stripe_object_id);
  return jsonb_build_object(
    'stale', false,
    'status', 'done',
    'alerts', to_jsonb(private.settle_outbox(v_job, p_stripe_object_id, p_result ->> 'status'))
  );
end;
$$;
comment on function private.finish_outbox is 'Close a row with what Stripe answered; see the public wrapper.';
grant execute on function private.finish_outbox to service_role;

create function private.settle_outbox(
  p_job public.outbox, p_stripe_object_id text, p_stripe_status text
)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_intent_id constant text := p_job.payload ->> 'payment_intent_id';
  v_order_id constant uuid := p_job.payload ->> 'order_id';
begin
  if p_job.kind in ('refund', 'auto_refund') then
    return (
      private.settle_refund(
        v_intent_id,
        p_job.id::text,
        p_stripe_object_id,
        (p_job.payload ->> 'amount_cents')::bigint,
        coalesce(p_stripe_status, 'pending')
      )
    ).alerts;
  elsif p_job.kind = 'cancel_intent' and p_stripe_status = 'canceled' then
    perform private.settle_canceled_intent(v_order_id, v_intent_id);
  end if;
  return '{}';
end;
$$;
comment on function private.settle_outbox is 'Take over what Stripe made of a row, by the same functions as the event about it; returns alerts.';

create function private.fail_outbox(p_outbox_id uuid, p_lease_token uuid, p_error_code text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job constant public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
  v_now constant timestamptz := private.clock();
  v_delay interval;
begin
  if v_job.id is null then
    return jsonb_build_object('stale', true);
  end if;
  -- The claim has counted this try already.
  v_delay := private.retry_delay(v_job.attempts - 1);
  update public.outbox
  set
    status = case when v_delay is null then 'dead' else 'queued' end::public.outbox_status,
    -- Stripe replays what it answered to a key, errors too; what it did not answer keeps the key.
    answered_errors = answered_errors + case
      when p_error_code in ('STRIPE_UNREACHABLE', 'STRIPE_CONFLICT', 'STRIPE_RATE_LIMITED')
        then 0
      else 1
    end,
    next_attempt_at = coalesce(v_now + v_delay, next_attempt_at),
    last_error = p_error_code,
    leased_until = null,
    lease_token = null
  where id = v_job.id;
  return jsonb_build_object(
    'stale', false,
    'status', case when v_delay is null then 'dead' else 'queued' end,
    'alerts', case when v_delay is null then '["outbox_row_dead"]' else '[]' end::jsonb
  );
end;
$$;
comment on function private.fail_outbox is 'Note a failed try: back off, or park the row; see the public wrapper.';
grant execute on function private.fail_outbox to service_role;

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
    return jsonb_build_object('stale', true);
  elsif v_job.kind = 'cancel_intent' then
    -- It has succeeded or is canceled already; the event about it says which.
    v_status := 'done';
    v_alerts := '{}';
  elsif v_job.kind in ('refund', 'auto_refund') then
    v_status := 'canceled';
    v_alerts := private.settle_outbox(v_job, null, 'failed');
  end if;
  perform private.close_outbox(v_job.id, v_status, p_last_error => p_error_code);
  return jsonb_build_object('stale', false, 'status', v_status, 'alerts', to_jsonb(v_alerts));
end;
$$;
comment on function private.reject_outbox is 'Close a row that Stripe has refused for good; see the public wrapper.';
grant execute on function private.reject_outbox to service_role;

create function public.claim_outbox(max_rows integer, lease_s integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_outbox(claim_outbox.max_rows, claim_outbox.lease_s);
end;
$$;
comment on function public.claim_outbox is 'Lease at most max_rows due rows: an array of {id, kind, payload, dedupe_key, attempts, answered_errors, lease_token, order_id}. Any number of workers may call.';
grant execute on function public.claim_outbox to service_role;

create function public.may_send(outbox_id uuid, lease_token uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.may_send(may_send.outbox_id, may_send.lease_token);
end;
$$;
comment on function public.may_send is 'Look once more before sending: {may_send, stale, reason}. What must not go out any more is canceled; a stale token changes nothing.';
grant execute on function public.may_send to service_role;

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
comment on function public.finish_outbox is 'Close a row as done; result is what Stripe answered, of which status is read. Answers {stale, status, alerts}; a stale token changes nothing.';
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
comment on function public.fail_outbox is 'Back a row off, or park it as dead: {stale, status, alerts}. Every error code counts as an answer, and so moves the idempotency key on, but STRIPE_UNREACHABLE (none came), STRIPE_CONFLICT (409) and STRIPE_RATE_LIMITED (429).';
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
comment on function public.reject_outbox is 'Take Stripe''s final no: a refund fails and its reservation is reversed, an intent to cancel is done with, anything else is dead. Answers {stale, status, alerts}.';
grant execute on function public.reject_outbox to service_role;

alter table public.outbox enable row level security;
-- What rings a worker, and no more: with the whole row each payload would travel to all of them.
grant select (id, status, next_attempt_at) on public.outbox to service_role;

create trigger outbox_stamp_updated_at
before update on public.outbox
for each row execute function private.stamp_updated_at();
