set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.reject_outbox(p_outbox_id uuid, p_lease_token uuid, p_error_code text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job constant public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
  v_status public.outbox_status := 'dead';
  v_alerts text[] := '{outbox_row_rejected}';
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text);
  elsif v_job.kind = 'cancel_intent' then
    -- The intent has succeeded or was canceled already. Its event applies the result.
    v_status := 'done';
    v_alerts := '{}';
  elsif v_job.kind in ('refund', 'auto_refund') then
    v_status := 'canceled';
    v_alerts := v_alerts || private.settle_outbox(v_job, null, '{"status": "failed"}');
  end if;
  perform private.close_outbox(v_job.id, v_status, p_last_error => p_error_code, p_tries => 1);
  -- Stripe replays its refusal under the same key for a day. The row may be queued again before.
  update public.outbox set answered_errors = answered_errors + 1 where id = v_job.id;
  perform private.replace_refused_amount(v_job);
  return private.raise_outbox_alerts(v_job.id, v_status, v_alerts);
end;
$$;
