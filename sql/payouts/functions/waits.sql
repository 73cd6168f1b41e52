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

create function private.is_money_wait(p_kind text, p_error_code text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_kind
    when 'transfer' then p_error_code in ('STRIPE_BALANCE_INSUFFICIENT', 'STRIPE_ACCOUNT_UNABLE')
    when 'transfer_reversal' then p_error_code = 'STRIPE_BALANCE_INSUFFICIENT'
    else false
  end;
end;
$$;
comment on function private.is_money_wait is 'Return true if Stripe may accept the same call later, once an account has the money or the ability. Such an error spends no try.';

create function private.money_wait_delay(p_job public.outbox, p_now timestamptz)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    -- The next check finds the disabled account, and sends the seller a notification.
    when p_job.kind = 'transfer' and exists (
      select from public.users
      where id = (p_job.payload ->> 'seller_id')::uuid and not payouts_enabled
    ) then interval '0'
    when p_job.kind = 'transfer'
      then make_interval(secs => private.setting('queue_retry_cap_s')::double precision)
    when (p_job.payload ->> 'unpaid_since')::timestamptz <= p_now - 90 * interval '24 hours' then null
    else interval '24 hours'
  end;
end;
$$;
comment on function private.money_wait_delay is 'Return the pause until a call may succeed that Stripe refused for money or ability. Null once a reversal has waited for 90 days.';

create function private.blocking_reversals(p_seller_id uuid)
returns setof public.outbox
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select * from public.outbox
  where kind = 'transfer_reversal'
    and status in ('queued', 'leased')
    and payload ->> 'seller_id' = p_seller_id::text
    and payload ? 'unpaid_since'
    and not payload ? 'transfers_released';
end;
$$;
comment on function private.blocking_reversals is 'Return the reversals that Stripe could not collect from a seller yet, and for which the seller''s transfers wait.';

create function private.wake_transfers(p_seller_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  -- A transfer that is being checked holds this lock until its row waits.
  perform from public.users where id = p_seller_id for no key update;
  v_now := private.clock();
  update public.outbox set next_attempt_at = v_now
  where id in (
    select job.id
    from public.payouts as payout
      join public.outbox as job on payout.outbox_id = job.id
    where payout.seller_id = p_seller_id and payout.status = 'queued' and job.status = 'queued'
    for update of job skip locked
  );
end;
$$;
comment on function private.wake_transfers is 'Make the waiting transfers of a seller due at once.';

create function private.revive_refused_transfers(p_seller_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.revive_outbox(outbox_id)
  from public.payouts
  where seller_id = p_seller_id and status = 'dead';
end;
$$;
comment on function private.revive_refused_transfers is 'Queue the transfers of a seller again that Stripe had refused for good. The claim checks each of them.';

create function private.release_transfers(
  p_seller_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'release_transfers', p_client_request_id, jsonb_build_array(p_seller_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.release_blocked_transfers(p_seller_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.release_transfers is 'Let the transfers of a seller go on although the seller owes a reversal; see the public wrapper.';
grant execute on function private.release_transfers to authenticated, service_role;

create function private.release_blocked_transfers(p_seller_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  if p_seller_id = auth.uid() then
    return private.refusal('FORBIDDEN', 'These transfers are yours');
  end if;
  update public.outbox set payload = payload || '{"transfers_released": true}'
  where id in (select id from private.blocking_reversals(p_seller_id));
  get diagnostics v_count = row_count;
  if v_count = 0 then
    return private.refusal('CONFLICT', 'No transfer of this seller waits for a reversal');
  end if;
  perform private.wake_transfers(p_seller_id);
  perform private.write_audit(
    auth.uid(), 'transfers_released', 'users', p_seller_id::text, p_reason,
    jsonb_build_object('reversals', v_count)
  );
  return jsonb_build_object('success', true, 'reversals', v_count);
end;
$$;
comment on function private.release_blocked_transfers is 'Mark the reversals that block a seller''s transfers as released, and audit it; or return the refusal.';

create function private.claim_waiting_accounts(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids text[];
begin
  v_ids := array(
    select distinct seller.stripe_connect_account_id
    from public.outbox as job
      join public.payouts as payout on job.id = payout.outbox_id
      join public.users as seller on payout.seller_id = seller.id
    where job.kind = 'transfer'
      and job.status = 'queued'
      and job.last_error is not null
      and seller.stripe_connect_account_id is not null
  );
  return to_jsonb(array(select private.claim_checks(v_ids, p_max_rows, v_now)));
end;
$$;
comment on function private.claim_waiting_accounts is 'Return Connect accounts that reconcile must read again; see the public wrapper.';
grant execute on function private.claim_waiting_accounts to service_role;
