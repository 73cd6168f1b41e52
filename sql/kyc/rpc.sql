create function public.begin_verification(
  user_id uuid, legal_name text, dob text, address jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.begin_verification(
    begin_verification.user_id,
    begin_verification.legal_name,
    begin_verification.dob,
    begin_verification.address
  );
end;
$$;
comment on function public.begin_verification is 'Store the name, birth date (YYYY-MM-DD) and address of a user, and return the open verification or a new one: {success, verification_id, stripe_session_id, answered_errors}. stripe_session_id is null until attach_verification. Parallel calls get one verification. Refusals: PROFILE_NOT_FOUND, USER_SUSPENDED, CONFLICT (verified already, or the last session is being redacted), KYC_COOLDOWN with retry_after_ms, VALIDATION_ERROR.';
grant execute on function public.begin_verification to service_role;

create function public.record_verification_error(
  verification_id uuid, answered_errors integer, error_code text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_verification_error(
    record_verification_error.verification_id,
    record_verification_error.answered_errors,
    record_verification_error.error_code
  );
end;
$$;
comment on function public.record_verification_error is 'Count an error that Stripe answered to a new session under the key with this count: {success, answered_errors}. Refuses with RESOURCE_NOT_FOUND.';
grant execute on function public.record_verification_error to service_role;

create function public.attach_verification(verification_id uuid, stripe_session_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.attach_verification(
    attach_verification.verification_id, attach_verification.stripe_session_id
  );
end;
$$;
comment on function public.attach_verification is 'Make a session at Stripe the one of a verification, once: {success, stripe_session_id}. A verification that has a session keeps it and answers it, and the other session is redacted. Refusals: CONFLICT if the session belongs to another verification, PROFILE_NOT_FOUND if the account was deleted.';
grant execute on function public.attach_verification to service_role;

create function public.get_verification(user_id uuid, stripe_session_id text default null)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_verification(
    get_verification.user_id, get_verification.stripe_session_id
  );
end;
$$;
comment on function public.get_verification is 'Return the newest verification of a user, or the one of a session: {success, status, stripe_status, details: {reason_code, updated_at, completed_at}}. stripe_status is null before the first session. Refusals: PROFILE_NOT_FOUND, FORBIDDEN if the session is not the user''s.';
grant execute on function public.get_verification to service_role;

create function public.begin_verification_read(stripe_session_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.begin_verification_read(begin_verification_read.stripe_session_id);
end;
$$;
comment on function public.begin_verification_read is 'Return the number of a new read of a session: {read_number, address}. read_number is null for an unknown session. address is the person''s own input, to be compared in memory; it is null once the person has passed. Call it before the read at Stripe. The result of a read changes nothing once a later one was applied.';
grant execute on function public.begin_verification_read to service_role;

create function public.handle_kyc_webhook_update(
  p_stripe_session_id text, p_status text, p_verified_outputs jsonb, p_last_error jsonb,
  p_event_id text default null, p_event_created bigint default null,
  p_read_number bigint default null, p_user_ref text default null,
  p_report_id text default null, p_redaction text default null, p_address jsonb default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.handle_kyc_webhook_update(
    handle_kyc_webhook_update.p_stripe_session_id,
    handle_kyc_webhook_update.p_status,
    handle_kyc_webhook_update.p_verified_outputs,
    handle_kyc_webhook_update.p_last_error,
    handle_kyc_webhook_update.p_event_id,
    handle_kyc_webhook_update.p_event_created,
    handle_kyc_webhook_update.p_read_number,
    handle_kyc_webhook_update.p_user_ref,
    handle_kyc_webhook_update.p_report_id,
    handle_kyc_webhook_update.p_redaction,
    handle_kyc_webhook_update.p_address
  );
end;
$$;
comment on function public.handle_kyc_webhook_update is 'Apply the state of a session that the caller has just read from Stripe: {outcome, order_id, outbox_ids, alerts, user_id, kyc_status}. Of p_verified_outputs only address_match is read, of p_last_error only code. p_event_created is in Unix seconds. p_user_ref is the user id in the session''s metadata, p_report_id the last report, p_redaction the status of the redaction, p_address the address that was compared. An unknown session, a session whose metadata names another user, an older event and an older read are ignored. A pass is final. Raises PAYLOAD_UNREADABLE for an unknown status.';
grant execute on function public.handle_kyc_webhook_update to service_role;

create function public.claim_stale_verifications(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_stale_verifications(claim_stale_verifications.max_rows);
end;
$$;
comment on function public.claim_stale_verifications is 'Claim at most max_rows unfinished sessions for another reading at Stripe: an array of session ids. A session is claimed first ten minutes after its last event, then after growing pauses.';
grant execute on function public.claim_stale_verifications to service_role;
