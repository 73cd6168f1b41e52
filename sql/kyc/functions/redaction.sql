create function private.queue_redaction(p_stripe_session_id text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_outbox_id uuid;
begin
  if p_stripe_session_id is null or exists (
    select from private.kyc_sessions
    where stripe_session_id = p_stripe_session_id and redaction in ('processing', 'redacted')
  ) then
    return;
  end if;
  v_outbox_id := private.queue_outbox(
    'redact_identity',
    jsonb_build_object('stripe_session_id', p_stripe_session_id),
    'redact_identity:' || p_stripe_session_id
  );
  -- An earlier request may have failed for good.
  perform private.revive_outbox(v_outbox_id);
  update private.kyc_sessions
  set redaction = 'requested', redaction_requested_at = v_now
  where stripe_session_id = p_stripe_session_id and redaction = 'none';
end;
$$;
comment on function private.queue_redaction is 'Queue the redaction of a session at Stripe, once. It erases what Stripe holds of the person, and cancels a session that waits for input.';

create function private.redact_person(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- Lock in the order of the ids, as two calls for one user must.
  perform private.queue_redaction(stripe_session_id)
  from (
    select stripe_session_id from private.kyc_sessions
    where user_id = p_user_id
    order by id
    for update
  ) as session;
end;
$$;
comment on function private.redact_person is 'Queue the redaction of every session of a user whose account ends.';

create function private.advance_redaction(p_session private.kyc_sessions, p_redaction text)
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
comment on function private.advance_redaction is 'Record the progress of a redaction that Stripe names, if any, and return the row. Its outbox row is done once Stripe has accepted it.';

create function private.settle_redaction(p_stripe_session_id text, p_redaction text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_session private.kyc_sessions;
begin
  select * into v_session from private.kyc_sessions
  where stripe_session_id = p_stripe_session_id
  for update;
  if v_session.id is not null then
    perform private.advance_redaction(v_session, p_redaction);
  end if;
end;
$$;
comment on function private.settle_redaction is 'Record Stripe''s answer to a redaction.';

create function private.redaction_refusal(p_stripe_session_id text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select 'SESSION_IS_REDACTED' from private.kyc_sessions
    where stripe_session_id = p_stripe_session_id and redaction = 'redacted'
  );
end;
$$;
comment on function private.redaction_refusal is 'Return the reason why a redaction need not be sent any more, or null.';

create function private.claim_stale_verifications(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids jsonb := '[]';
  v_session private.kyc_sessions;
begin
  for v_session in
    with stale as (
      select id from private.kyc_sessions
      where (status in ('requires_input', 'processing') or redaction in ('requested', 'processing'))
        and private.verification_check_at(kyc_sessions) <= v_now
      order by checked_at nulls first
      limit p_max_rows
      for update skip locked
    )
    update private.kyc_sessions as session set checked_at = v_now
    from stale
    where session.id = stale.id
    returning session.*
  loop
    v_ids := v_ids || to_jsonb(v_session.stripe_session_id);
    -- Stripe takes up to four days for a redaction.
    if v_session.redaction_requested_at <= v_now - interval '120 hours' then
      perform private.raise_alerts(
        v_session.stripe_session_id, p_alerts => '{identity_redaction_overdue}'
      );
    end if;
  end loop;
  return v_ids;
end;
$$;
comment on function private.claim_stale_verifications is 'Claim sessions that reconcile must read again; see the public wrapper.';
grant execute on function private.claim_stale_verifications to service_role;

create function private.verification_check_at(p_session private.kyc_sessions)
returns timestamptz
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_changed_at constant timestamptz := greatest(
    p_session.created_at, p_session.last_event_at, p_session.redaction_requested_at
  );
begin
  -- Many people leave a session open for ever, so the pause grows with the time since the last news.
  return coalesce(
    p_session.checked_at
    + greatest(interval '10 minutes', (p_session.checked_at - v_changed_at) / 4),
    v_changed_at + interval '10 minutes'
  );
end;
$$;
comment on function private.verification_check_at is 'Return the time at which an unfinished session must be read from Stripe again.';

create function private.verification_wait_delay()
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  -- A minute by default. Stripe usually needs less for a check.
  return make_interval(secs => 12 * private.setting('queue_retry_base_s')::double precision);
end;
$$;
comment on function private.verification_wait_delay is 'Return the pause of a redaction while Stripe checks the document.';
