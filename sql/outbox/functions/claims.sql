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
  -- The same holds for the verification that a redaction belongs to.
  perform from private.kyc_sessions
  where stripe_session_id = v_job.payload ->> 'stripe_session_id'
  for update;
  select * into v_job from public.outbox
  where id = p_outbox_id and status = 'leased' and lease_token = p_lease_token
  for update;
  return v_job;
end;
$$;
comment on function private.lock_leased is 'Lock the order or verification of a row, then the row, and return the row. Null if another worker has the lease or the row is closed.';

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
  elsif p_job.kind = 'redact_identity' then
    return private.redaction_refusal(p_job.payload ->> 'stripe_session_id');
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
