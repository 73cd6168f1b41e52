create function public.claim_outbox(max_rows integer, lease_s integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_outbox(claim_outbox.max_rows, claim_outbox.lease_s);
end;
$$;
comment on function public.claim_outbox is 'Lease at most max_rows due rows: an array of {id, kind, payload, dedupe_key, attempts, answered_errors, lease_token, order_id}. Any number of workers may call.';
grant execute on function public.claim_outbox to service_role;

create function public.may_send(outbox_id uuid, lease_token uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.may_send(may_send.outbox_id, may_send.lease_token);
end;
$$;
comment on function public.may_send is 'Look once more before sending: {may_send, stale, reason}. What must not go out any more is canceled; a stale token changes nothing.';
grant execute on function public.may_send to service_role;

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
comment on function public.finish_outbox is 'Close a row as done; result is what Stripe answered, of which status is read. Answers {stale, status, alerts}; a stale token changes nothing.';
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
comment on function public.fail_outbox is 'Back a row off, or park it as dead: {stale, status, alerts}. Every error code counts as an answer, and so moves the idempotency key on, but STRIPE_UNREACHABLE (none came), STRIPE_CONFLICT (409) and STRIPE_RATE_LIMITED (429).';
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
comment on function public.reject_outbox is 'Take Stripe''s final no: a refund fails and its reservation is reversed, an intent to cancel is done with, anything else is dead. Answers {stale, status, alerts}.';
grant execute on function public.reject_outbox to service_role;
