set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.requeue_unhandled(p_type text, p_since timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  if p_type is null or p_since is null then
    return private.refusal(
      'VALIDATION_ERROR', 'Give an event type, and a time with an offset as 2026-12-02T20:00:00Z'
    );
  end if;
  update public.webhook_events as event
  set
    status = 'received', outcome = null, processed_at = null, attempts = 0,
    next_attempt_at = v_now, error_code = null
  where type = p_type
    and received_at >= p_since
    and outcome = 'ignored'
    and error_code = 'unhandled_type'
    and payload is not null
    and not private.is_event_about(event, auth.uid());
  get diagnostics v_count = row_count;
  perform private.write_audit(
    auth.uid(), 'ignored_events_requeued', 'webhook_events', p_type,
    'Events that had no handler became due again',
    jsonb_build_object('since', p_since, 'count', v_count)
  );
  return jsonb_build_object('success', true, 'count', v_count);
end;
$$;
comment on function private.requeue_unhandled is 'Make the events of a type due again that had no handler and are not about the caller, and audit it; or return the refusal.';

comment on function public.requeue_ignored_events is 'Make ignored events due again, for example when a new version handles their type: {success, count}. It takes the events of one type that were received since a time and had no handler, except those about the caller or the caller''s orders; for staff and our own processes, audited. Refusals: VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';
