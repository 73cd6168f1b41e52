set lock_timeout = '2s';
set statement_timeout = '30s';

create table private.connect_accounts (
  user_id uuid not null,
  answered_errors integer not null default 0,
  reads_begun bigint not null default 0,
  reads_applied bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint connect_accounts_pkey primary key (user_id),
  constraint connect_accounts_user_id_fkey foreign key (user_id) references public.users (id),
  constraint connect_accounts_answered_errors_is_not_negative check (answered_errors >= 0),
  constraint connect_accounts_reads_begin_first check (reads_applied between 0 and reads_begun)
);
comment on table private.connect_accounts is 'The dealings with Stripe about each seller''s Connect account. The account''s id and payouts_enabled are columns of users.';
comment on column private.connect_accounts.answered_errors is 'The number of errors that Stripe answered to the creation of the account. It is part of the idempotency key.';
comment on column private.connect_accounts.reads_begun is 'The number of reads of the account at Stripe that have begun. A later read contains everything that an earlier one was begun for.';
comment on column private.connect_accounts.reads_applied is 'The number of the latest read that was applied. The result of an earlier read is out of date.';

create function private.begin_onboarding(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
  v_errors integer;
begin
  select * into v_user from public.users where id = p_user_id;
  if v_user.id is null or v_user.deleted_at is not null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
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
    'success', private.settle_account(p_account_id, p_read_number, p_payouts_enabled)
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
  return true;
end;
$$;
comment on function private.settle_account is 'Apply the state that a Connect account has at Stripe, unless a later read was applied before. Return false if no seller has the account.';

create function private.list_payouts(p_user_id uuid, p_max_rows integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_enabled boolean;
begin
  select payouts_enabled into v_enabled from public.users where id = p_user_id;
  return (
    select jsonb_build_object(
      'success', true,
      'payouts_enabled', coalesce(v_enabled, false),
      'pending_cents', coalesce(sum(amount_cents) filter (where status = 'queued'), 0),
      'paid_cents', coalesce(
        sum(amount_cents - reversed_cents) filter (where status in ('paid', 'reversed')), 0
      ),
      'payouts', private.newest_payouts(p_user_id, p_max_rows)
    )
    from public.payouts where seller_id = p_user_id
  );
end;
$$;
comment on function private.list_payouts is 'Return the payouts of a seller with their sums; see the public wrapper.';
grant execute on function private.list_payouts to service_role;

create function private.newest_payouts(p_user_id uuid, p_max_rows integer)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(payout) order by created_at desc, id), '[]')
    from (
      select id, order_id, amount_cents, reversed_cents, status, created_at, updated_at
      from public.payouts
      where seller_id = p_user_id
      order by created_at desc, id
      limit least(greatest(p_max_rows, 0), 100)
    ) as payout
  );
end;
$$;
comment on function private.newest_payouts is 'Return the newest payouts of a seller, without the ids that Stripe gave them.';

create function public.begin_onboarding(user_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.begin_onboarding(begin_onboarding.user_id);
end;
$$;
comment on function public.begin_onboarding is 'Return what the Connect account of a seller is made from: {success, account_id, answered_errors, seller_since}. account_id is null until the seller has an account. Refusals: PROFILE_NOT_FOUND, KYC_REQUIRED.';
grant execute on function public.begin_onboarding to service_role;

create function public.record_connect_error(
  user_id uuid, answered_errors integer, error_code text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_connect_error(
    record_connect_error.user_id,
    record_connect_error.answered_errors,
    record_connect_error.error_code
  );
end;
$$;
comment on function public.record_connect_error is 'Count an error that Stripe answered to a new Connect account under the key with this count: {success, answered_errors}. Refuses with RESOURCE_NOT_FOUND.';
grant execute on function public.record_connect_error to service_role;

create function public.set_connect_account(user_id uuid, account_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.set_connect_account(
    set_connect_account.user_id, set_connect_account.account_id
  );
end;
$$;
comment on function public.set_connect_account is 'Make a Connect account the one of a seller, once only: {success}. The same account again changes nothing. Refusals: PROFILE_NOT_FOUND, CONFLICT if the seller has another account or another seller has this one.';
grant execute on function public.set_connect_account to service_role;

create function public.begin_account_read(account_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.begin_account_read(begin_account_read.account_id);
end;
$$;
comment on function public.begin_account_read is 'Return the number of a new read of a Connect account: {read_number}, or null for an account that no seller has. Call it before the read at Stripe. The result of a read changes nothing once a later one was applied.';
grant execute on function public.begin_account_read to service_role;

create function public.apply_account_updated(
  event_id text, account_id text, read_number bigint, payouts_enabled boolean
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_account_updated(
    apply_account_updated.event_id,
    apply_account_updated.account_id,
    apply_account_updated.read_number,
    apply_account_updated.payouts_enabled
  );
end;
$$;
comment on function public.apply_account_updated is 'Apply account.updated with the state that was read at Stripe. Answers {outcome, order_id, outbox_ids, alerts}. When payouts become enabled, the transfers that wait for them are due at once.';
grant execute on function public.apply_account_updated to service_role;

create function public.record_account_read(
  account_id text, read_number bigint, payouts_enabled boolean
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_account_read(
    record_account_read.account_id,
    record_account_read.read_number,
    record_account_read.payouts_enabled
  );
end;
$$;
comment on function public.record_account_read is 'Record the state of a Connect account that was read at Stripe without an event: {success}, false if no seller has it.';
grant execute on function public.record_account_read to service_role;

create function public.list_payouts(user_id uuid, max_rows integer)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_payouts(list_payouts.user_id, list_payouts.max_rows);
end;
$$;
comment on function public.list_payouts is 'Return the payouts of a seller: {success, payouts_enabled, pending_cents, paid_cents, payouts}, the newest first, at most 100. pending_cents waits for its transfer, paid_cents was transferred and not reversed.';
grant execute on function public.list_payouts to service_role;

alter table private.connect_accounts enable row level security;

create trigger connect_accounts_stamp_updated_at
before update on private.connect_accounts
for each row execute function private.stamp_updated_at();
