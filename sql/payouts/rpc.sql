create function public.begin_onboarding(user_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.begin_onboarding(begin_onboarding.user_id);
end;
$$;
comment on function public.begin_onboarding is 'Return what the Connect account of a seller is made from: {success, account_id, answered_errors, seller_since}. account_id is null until the seller has an account. Refusals: PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED.';
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
comment on function public.record_account_read is 'Record the state of a Connect account that was read at Stripe without an event: {success, found}. found is false if no seller has the account.';
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

create function public.queue_due_transfers(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.queue_due_transfers(queue_due_transfers.max_rows);
end;
$$;
comment on function public.queue_due_transfers is 'Queue at most max_rows canceled transfers again whose reason is gone, and return their number: the dispute was decided for the seller, the refund was partial or failed, or the books agree again.';
grant execute on function public.queue_due_transfers to service_role;

create function public.apply_transfer(
  event_id text, stripe_transfer_id text, outbox_id text, dedupe_key text, order_ref text,
  charge_id text, amount_cents bigint, currency text, reversals jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_transfer(
    apply_transfer.event_id,
    apply_transfer.stripe_transfer_id,
    apply_transfer.outbox_id,
    apply_transfer.dedupe_key,
    apply_transfer.order_ref,
    apply_transfer.charge_id,
    apply_transfer.amount_cents,
    apply_transfer.currency,
    apply_transfer.reversals
  );
end;
$$;
comment on function public.apply_transfer is 'Apply transfer.created or transfer.reversed: record the transfer and its reversals, each once. reversals is an array of {id, amount_cents, outbox_id, dedupe_key}. Answers {outcome, order_id, outbox_ids, alerts}. Raises PREDECESSOR_MISSING as PT409 until the payment of the order is recorded.';
grant execute on function public.apply_transfer to service_role;

create function public.release_transfers(
  seller_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.release_transfers(
    release_transfers.seller_id, release_transfers.reason, release_transfers.client_request_id
  );
end;
$$;
comment on function public.release_transfers is 'Let the transfers of a seller go on although Stripe could not collect a reversal from the seller yet: {success, reversals}; for staff and our own processes, audited. Refusals: VALIDATION_ERROR, CONFLICT if no transfer waits, FORBIDDEN (the caller''s own transfers), REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';
grant execute on function public.release_transfers to authenticated, service_role;

create function public.record_transfer(
  stripe_transfer_id text, outbox_id text, dedupe_key text, order_ref text, charge_id text,
  amount_cents bigint, currency text, reversals jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_transfer(
    record_transfer.stripe_transfer_id,
    record_transfer.outbox_id,
    record_transfer.dedupe_key,
    record_transfer.order_ref,
    record_transfer.charge_id,
    record_transfer.amount_cents,
    record_transfer.currency,
    record_transfer.reversals
  );
end;
$$;
comment on function public.record_transfer is 'Apply the state of a transfer that the caller has just read from Stripe, as the events about it do: {outcome, order_id, outbox_ids, alerts}. A transfer of no order of ours is ignored.';
grant execute on function public.record_transfer to service_role;

create function public.claim_waiting_accounts(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_waiting_accounts(claim_waiting_accounts.max_rows);
end;
$$;
comment on function public.claim_waiting_accounts is 'Claim at most max_rows Connect accounts whose transfers wait, for another reading at Stripe: an array of account ids. The oldest reading comes first; an account is claimed at most every ten minutes.';
grant execute on function public.claim_waiting_accounts to service_role;
