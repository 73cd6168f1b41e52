-- A read at Stripe that finds nothing new is no change of the verification.
create trigger kyc_sessions_stamp_updated_at
before update on private.kyc_sessions
for each row when (
  (old.stripe_session_id, old.status, old.reason_code, old.redaction)
  is distinct from (new.stripe_session_id, new.status, new.reason_code, new.redaction)
)
execute function private.stamp_updated_at();
