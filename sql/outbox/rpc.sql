create function public.claim_outbox(max_rows integer, lease_s integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_outbox(claim_outbox.max_rows, claim_outbox.lease_s);
end;
$$;
comment on function public.claim_outbox is 'Lease at most max_rows due rows: an array of {id, kind, payload, dedupe_key, attempts, answered_errors, lease_token, order_id}. A claim spends no try. Any number of workers may call.';
grant execute on function public.claim_outbox to service_role;

create function public.claim_send_permission(outbox_id uuid, lease_token uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_send_permission(claim_send_permission.outbox_id, claim_send_permission.lease_token);
end;
$$;
comment on function public.claim_send_permission is 'Check once more before a row is sent: {may_send, stale, reason, payload}. A row that must not be sent any more is canceled; a transfer whose seller cannot be paid yet waits. The payload of a transfer or reversal is fixed here, with its amount. A stale token changes nothing.';
grant execute on function public.claim_send_permission to service_role;

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
comment on function public.finish_outbox is 'Close a row as done. result is the answer of Stripe; only its status and amount_cents are read. Answers {stale, status, alerts}. A stale token changes nothing.';
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
comment on function public.fail_outbox is 'Record a failed try: {stale, status, alerts}. The row waits for its next try, or is dead after the last one. After an error that Stripe answered (STRIPE_ERROR, STRIPE_REFUSED, STRIPE_EMAIL_REFUSED, STRIPE_BALANCE_INSUFFICIENT, STRIPE_ACCOUNT_UNABLE, VERIFICATION_UNDER_WAY) the next try has another idempotency key; after every other error the key stays. A transfer or reversal that Stripe refuses for money or ability waits without spending a try, and so does the redaction of a session whose document Stripe still checks.';
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
comment on function public.reject_outbox is 'Record that Stripe refused for good: a refund fails and its reservation is reversed, a cancelled intent is done, any other row is dead. Answers {stale, status, alerts}.';
grant execute on function public.reject_outbox to service_role;

create function public.requeue_outbox(
  outbox_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_outbox(
    requeue_outbox.outbox_id, requeue_outbox.reason, requeue_outbox.client_request_id
  );
end;
$$;
comment on function public.requeue_outbox is 'Give a dead row all of its tries again, due at once: {success}; for staff and our own processes, audited. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (a party of the order), VALIDATION_ERROR, CONFLICT, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';
grant execute on function public.requeue_outbox to authenticated, service_role;

create function public.list_dead_outbox_rows(
  max_rows integer default 50, after_id uuid default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_dead_outbox_rows(
    list_dead_outbox_rows.max_rows, list_dead_outbox_rows.after_id
  );
end;
$$;
comment on function public.list_dead_outbox_rows is 'Return the dead rows, the newest first: an array of {id, kind, order_id, stripe_object_id, attempts, answered_errors, last_error, created_at, updated_at}. For the next page, send the id of the last row as after_id.';
grant execute on function public.list_dead_outbox_rows to service_role;
