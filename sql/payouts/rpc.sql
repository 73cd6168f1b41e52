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
