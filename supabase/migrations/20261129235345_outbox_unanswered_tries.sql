set lock_timeout = '2s';
set statement_timeout = '30s';

alter table public.outbox add column unanswered_tries integer not null default 0;

comment on column public.outbox.attempts is 'The number of tries that Stripe answered, or that our code failed. A claim alone is no try.';

comment on column public.outbox.unanswered_tries is 'The number of tries since the last one that spent an attempt, in which Stripe was unreachable or too busy. They make the pause longer, but never use up the row.';

create or replace function private.retry_delay(p_tries_before integer)
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

create or replace function private.fail_outbox(p_outbox_id uuid, p_lease_token uuid, p_error_code text)
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

comment on function private.alerts_after_error is 'Return the alerts of a failed try. A row without an answer raises one, when its pause reaches the cap.';

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

create or replace function private.revive_outbox(p_outbox_id uuid)
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

create or replace function private.requeue_dead_row(p_outbox_id uuid, p_reason text)
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
