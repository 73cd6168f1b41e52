set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.send_wait;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.fixed_payload;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.transfer_wait;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.note_money_wait;

create or replace function private.claim_send_permission(p_outbox_id uuid, p_lease_token uuid)
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

create function private.postpone_transfer(p_job public.outbox)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_seller public.users;
  v_reason text;
  v_now timestamptz;
begin
  -- The lock makes a change of the account wait. The change then finds the row that waits.
  select * into v_seller from public.users
  where id = (p_job.payload ->> 'seller_id')::uuid for share;
  v_reason := private.transfer_wait_reason(v_seller);
  if v_reason is null then
    return null;
  elsif v_reason = 'PAYOUTS_DISABLED' then
    perform private.notify(
      v_seller.id,
      'payout_action_required',
      'Your payout is waiting',
      'Complete your payout details, so that we can send your money.',
      jsonb_build_object('order_id', p_job.payload ->> 'order_id'),
      'payout_action_required:' || (p_job.payload ->> 'order_id')
    );
  end if;
  v_now := private.clock();
  update public.outbox
  set
    status = 'queued', last_error = v_reason, leased_until = null, lease_token = null,
    -- The change that the row waits for makes it due at once.
    next_attempt_at = v_now + interval '24 hours'
  where id = p_job.id;
  return v_reason;
end;
$$;

comment on function private.postpone_transfer is 'Put off a transfer whose seller cannot be paid yet, and return the reason, or null. The row waits for a day and spends no try. A seller whose account is not ready gets a notification, once per order.';

create function private.transfer_wait_reason(p_seller public.users)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when not p_seller.payouts_enabled or p_seller.stripe_connect_account_id is null
      then 'PAYOUTS_DISABLED'
    when exists (select from private.blocking_reversals(p_seller.id)) then 'REVERSAL_IS_UNPAID'
  end;
end;
$$;

comment on function private.transfer_wait_reason is 'Return the reason why transfers to a seller must wait, or null.';
