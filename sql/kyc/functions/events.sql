create function private.begin_verification_read(p_stripe_session_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_session private.kyc_sessions;
begin
  update private.kyc_sessions set reads_begun = reads_begun + 1
  where stripe_session_id = p_stripe_session_id
  returning * into v_session;
  return jsonb_build_object(
    'read_number', case when v_session.id is not null then v_session.reads_begun end,
    'address', (
      select address from public.users where id = v_session.user_id and kyc <> 'passed'
    )
  );
end;
$$;
comment on function private.begin_verification_read is 'Return the number of a new read of a session at Stripe; see the public wrapper.';
grant execute on function private.begin_verification_read to service_role;

create function private.handle_kyc_webhook_update(
  p_stripe_session_id text, p_status text, p_verified_outputs jsonb, p_last_error jsonb,
  p_event_id text, p_event_created bigint, p_read_number bigint, p_user_ref text,
  p_report_id text, p_redaction text, p_address jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event public.webhook_events;
  v_user public.users;
  v_session private.kyc_sessions;
  v_reason text;
begin
  if p_event_id is not null then
    v_event := private.lock_event(p_event_id);
  end if;
  -- The user is locked before the session, as a start does.
  select * into v_session from private.kyc_sessions where stripe_session_id = p_stripe_session_id;
  select * into v_user from public.users where id = v_session.user_id for no key update;
  select * into v_session from private.kyc_sessions where id = v_session.id for update;
  if v_event.processed_at is not null then
    return private.settled_answer(v_event) || private.verification_answer(v_user.id);
  end if;

  v_reason := private.reading_refusal(
    v_session, p_status, p_event_created, p_read_number, p_user_ref
  );
  if v_reason is null then
    v_session := private.apply_reading(
      v_session, p_status, private.reason_code_in(p_last_error), p_event_created, p_read_number,
      p_redaction
    );
    perform private.count_attempt(v_session, p_report_id);
    if v_session.redaction <> 'redacted' then
      perform private.apply_verification(
        v_user, v_session,
        p_verified_outputs -> 'address_match' = 'true'
        and (p_address is null or p_address = v_user.address)
      );
    end if;
  end if;
  return private.settle_reading(p_event_id, p_stripe_session_id, v_reason)
    || private.verification_answer(v_user.id);
end;
$$;
comment on function private.handle_kyc_webhook_update is 'Apply the state that a session has at Stripe; see the public wrapper.';
grant execute on function private.handle_kyc_webhook_update to service_role;

create function private.verification_answer(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'user_id', p_user_id,
    'kyc_status', (select kyc from public.users where id = p_user_id)
  );
end;
$$;
comment on function private.verification_answer is 'Return the keys that the answer about a session has beside those of every effect RPC.';

create function private.reading_refusal(
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
comment on function private.reading_refusal is 'Return the reason why a reading of a session has no effect, or null. The session''s metadata and our row must name the same user; a redaction erases the metadata. Raises PAYLOAD_UNREADABLE for a status that Stripe does not have.';

create function private.apply_reading(
  p_session private.kyc_sessions, p_status text, p_reason_code text, p_event_created bigint,
  p_read_number bigint, p_redaction text
)
returns private.kyc_sessions
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_status constant text := case
    -- The first event of a session is named created, and Stripe then waits for input.
    when p_status = 'created' then 'requires_input'
    -- A redaction cancels a session that waits for input, and leaves a verified one.
    when p_status = 'redacted' and p_session.status = 'verified' then 'verified'
    when p_status = 'redacted' then 'canceled'
    else p_status
  end;
  v_session private.kyc_sessions;
begin
  update private.kyc_sessions
  set
    status = v_status::private.verification_status,
    reason_code = case when p_status = 'redacted' then reason_code else p_reason_code end,
    last_event_at = greatest(last_event_at, to_timestamp(p_event_created)),
    completed_at = coalesce(completed_at, case when v_status = 'verified' then v_now end),
    reads_applied = greatest(reads_applied, p_read_number)
  where id = p_session.id
  returning * into v_session;
  return private.advance_redaction(
    v_session, case when p_status = 'redacted' then 'redacted' else p_redaction end
  );
end;
$$;
comment on function private.apply_reading is 'Record the state that a session has at Stripe, and return the row. The caller holds its lock.';

create function private.reason_code_in(p_last_error jsonb)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_code constant text := case
    when jsonb_typeof(p_last_error -> 'code') = 'string' then p_last_error ->> 'code'
  end;
begin
  -- Stripe's codes are words. Any other text may describe a person.
  return case
    when p_last_error is null or jsonb_typeof(p_last_error) = 'null' then null
    when v_code collate "C" ~ '^[a-z]+(_[a-z]+)*$' and char_length(v_code) <= 100 then v_code
    else 'unknown'
  end;
end;
$$;
comment on function private.reason_code_in is 'Return the code of an error that Stripe names, or unknown if it has none, or null for no error. The error''s sentence is dropped.';

create function private.settle_reading(
  p_event_id text, p_stripe_session_id text, p_reason text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_outcome constant text := case when p_reason is null then 'processed' else 'ignored' end;
  v_alerts text[] := '{}';
begin
  if p_reason = 'user_contradicted' then
    v_alerts := '{identity_user_contradicted}';
  end if;
  if p_event_id is not null then
    return private.settle_event(p_event_id, v_outcome, p_alerts => v_alerts, p_reason => p_reason);
  end if;
  return private.effect_answer(
    v_outcome, null, p_alerts => private.raise_alerts(p_stripe_session_id, v_alerts)
  );
end;
$$;
comment on function private.settle_reading is 'Settle the event that a session was read for, if there is one, and return the answer. A reading without effect is ignored with its reason.';
