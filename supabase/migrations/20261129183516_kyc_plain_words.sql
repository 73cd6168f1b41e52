set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.advance_redaction(p_session private.kyc_sessions, p_redaction text)
returns private.kyc_sessions
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_state constant private.redaction_state := case
    when p_redaction = 'redacted' then 'redacted' else 'processing'
  end;
  v_session private.kyc_sessions;
begin
  if p_redaction is null then
    return p_session;
  end if;
  update private.kyc_sessions
  set
    -- The states come in this order, and a late answer never leads back.
    redaction = greatest(redaction, v_state),
    redaction_requested_at = coalesce(redaction_requested_at, v_now),
    redacted_at = coalesce(redacted_at, case when v_state = 'redacted' then v_now end)
  where id = p_session.id
  returning * into v_session;
  -- Stripe has the request. It may also come from the dashboard.
  perform private.complete_outbox(
    private.outbox_id('redact_identity:' || v_session.stripe_session_id),
    v_session.stripe_session_id
  );
  return v_session;
end;
$$;
