create function private.begin_onboarding(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.account_refusal(p_user_id);
  v_user public.users;
  v_errors integer;
begin
  select * into v_user from public.users where id = p_user_id;
  if v_refusal is not null then
    return v_refusal;
  elsif v_user.kyc <> 'passed' or v_user.role = 'buyer' then
    return private.refusal('KYC_REQUIRED', 'KYC verification required to be paid');
  end if;
  insert into private.connect_accounts (user_id) values (p_user_id)
  on conflict (user_id) do nothing;
  select answered_errors into v_errors from private.connect_accounts where user_id = p_user_id;
  return jsonb_build_object(
    'success', true,
    'account_id', v_user.stripe_connect_account_id,
    'answered_errors', v_errors,
    'seller_since', extract(epoch from coalesce(v_user.kyc_completed_at, v_user.created_at))::bigint
  );
end;
$$;
comment on function private.begin_onboarding is 'Return the parameters of a seller''s Connect account; see the public wrapper.';
grant execute on function private.begin_onboarding to service_role;

create function private.record_connect_error(
  p_user_id uuid, p_answered_errors integer, p_error_code text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  -- Concurrent calls get the same error under the same key. Only the first of them raises the
  -- count.
  update private.connect_accounts
  set answered_errors = answered_errors + (
    answered_errors = p_answered_errors and private.is_answered_error(p_error_code)
  )::integer
  where user_id = p_user_id
  returning answered_errors into v_count;
  if v_count is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'This user has not begun to onboard');
  end if;
  return jsonb_build_object('success', true, 'answered_errors', v_count);
end;
$$;
comment on function private.record_connect_error is 'Count an error that Stripe answered to a new Connect account; see the public wrapper.';
grant execute on function private.record_connect_error to service_role;

create function private.set_connect_account(p_user_id uuid, p_account_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
begin
  select * into v_user from public.users where id = p_user_id for no key update;
  if v_user.id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif v_user.stripe_connect_account_id = p_account_id then
    return jsonb_build_object('success', true);
  elsif v_user.stripe_connect_account_id is not null
    or p_account_id is null
    or exists (select from public.users where stripe_connect_account_id = p_account_id)
  then
    return private.refusal('CONFLICT', 'A seller has one account for ever');
  end if;
  update public.users set stripe_connect_account_id = p_account_id where id = p_user_id;
  insert into private.connect_accounts (user_id) values (p_user_id)
  on conflict (user_id) do nothing;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.set_connect_account is 'Make a Connect account the one of a seller, once only; see the public wrapper.';
grant execute on function private.set_connect_account to service_role;

create function private.begin_account_read(p_account_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_number bigint;
begin
  update private.connect_accounts
  set reads_begun = reads_begun + 1
  where user_id = (select id from public.users where stripe_connect_account_id = p_account_id)
  returning reads_begun into v_number;
  return jsonb_build_object('read_number', v_number);
end;
$$;
comment on function private.begin_account_read is 'Return the number of a new read of a Connect account; see the public wrapper.';
grant execute on function private.begin_account_read to service_role;

create function private.apply_account_updated(
  p_event_id text, p_account_id text, p_read_number bigint, p_payouts_enabled boolean
)
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
  elsif not private.settle_account(p_account_id, p_read_number, p_payouts_enabled) then
    return private.settle_event(p_event_id, 'ignored', p_reason => 'account_unknown');
  end if;
  return private.settle_event(p_event_id, 'processed');
end;
$$;
comment on function private.apply_account_updated is 'Apply the event of a Connect account; see the public wrapper.';
grant execute on function private.apply_account_updated to service_role;

create function private.record_account_read(
  p_account_id text, p_read_number bigint, p_payouts_enabled boolean
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'success', true,
    'found', private.settle_account(p_account_id, p_read_number, p_payouts_enabled)
  );
end;
$$;
comment on function private.record_account_read is 'Record the state of a Connect account that was read without an event; see the public wrapper.';
grant execute on function private.record_account_read to service_role;

create function private.settle_account(
  p_account_id text, p_read_number bigint, p_payouts_enabled boolean
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_user public.users;
begin
  select * into v_user from public.users
  where stripe_connect_account_id = p_account_id for no key update;
  if v_user.id is null then
    return false;
  end if;
  update private.connect_accounts set reads_applied = p_read_number
  where user_id = v_user.id and reads_applied <= p_read_number;
  -- A later read was applied before, so this one is out of date.
  if not found then
    return true;
  end if;
  update public.users set payouts_enabled = p_payouts_enabled
  where id = v_user.id and payouts_enabled <> p_payouts_enabled;
  if p_payouts_enabled and not v_user.payouts_enabled then
    perform private.revive_refused_transfers(v_user.id);
  end if;
  if p_payouts_enabled then
    perform private.wake_transfers(v_user.id);
  end if;
  return true;
end;
$$;
comment on function private.settle_account is 'Apply the state that a Connect account has at Stripe, unless a later read was applied before. Return false if no seller has the account.';
