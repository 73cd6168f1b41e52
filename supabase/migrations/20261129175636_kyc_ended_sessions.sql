set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.reading_refusal(
  p_session private.kyc_sessions, p_status text, p_event_created bigint, p_read_number bigint,
  p_user_ref text
)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_status is null or not (
    p_status = any(array['created', 'redacted', 'requires_input', 'processing', 'verified', 'canceled'])
  ) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  return case
    when p_session.id is null then 'session_unknown'
    when p_user_ref <> p_session.user_id::text then 'user_contradicted'
    when p_read_number < p_session.reads_applied then 'read_outdated'
    when to_timestamp(p_event_created) < p_session.last_event_at then 'event_outdated'
    -- Stripe opens no session again, so this reading is older than the one that ended it.
    when
      p_session.status in ('verified', 'canceled')
      and p_status in ('created', 'requires_input', 'processing')
      then 'read_outdated'
  end;
end;
$$;
