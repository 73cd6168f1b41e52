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
