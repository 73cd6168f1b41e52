-- This migration makes the checks of identity by Stripe Identity work.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Kyc: functions.

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

create function private.count_attempt(p_session private.kyc_sessions, p_report_id text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  -- Stripe makes a report for each check. Until a check passes, the last report is of a failed one.
  if p_report_id is not null and p_session.user_id is not null and p_session.status <> 'verified' then
    insert into private.kyc_attempts (report_id, session_id, user_id, failed_at)
    values (p_report_id, p_session.id, p_session.user_id, v_now)
    on conflict (report_id) do nothing;
  end if;
  if p_session.status = 'requires_input'
    and private.verification_wait_ms(p_session.user_id) is not null
  then
    -- The user could go on at Stripe without us. A redaction cancels the session.
    perform private.queue_redaction(p_session.stripe_session_id);
  end if;
end;
$$;
comment on function private.count_attempt is 'Count a failed check once by its report, and close the session of a user who has no attempt left.';

create function private.apply_verification(
  p_user public.users, p_session private.kyc_sessions, p_is_address_matched boolean
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_kyc constant public.kyc_status := case
    when p_session.status = 'verified' then 'passed'
    when p_session.status = 'canceled' or p_session.reason_code is not null then 'failed'
    else 'pending'
  end;
  v_now timestamptz;
begin
  -- A pass is final. Until then only the last session counts, except that any session may pass.
  if
    p_user.id is null
    or p_user.deleted_at is not null
    or p_user.kyc = 'passed'
    or (
      v_kyc <> 'passed'
      and p_user.stripe_identity_session_id <> p_session.stripe_session_id
    )
  then
    return;
  end if;
  v_now := private.clock();
  update public.users
  set
    kyc = v_kyc,
    kyc_details = jsonb_build_object(
      'reason_code', p_session.reason_code, 'stripe_status', p_session.status
    ),
    kyc_completed_at = case when v_kyc = 'passed' then v_now end,
    role = case when v_kyc = 'passed' and role = 'buyer' then 'seller' else role end
  where id = p_user.id;
  if v_kyc = 'passed' and p_is_address_matched then
    perform private.verify_address(p_user, v_now);
  end if;
  perform private.notify_of_verification(p_user, v_kyc, p_session);
end;
$$;
comment on function private.apply_verification is 'Make the state of a session the one of its user, whose lock the caller holds. A pass makes a buyer a seller.';

create function private.verify_address(p_user public.users, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.users
  set
    address_verified = true,
    address_verified_at = p_now,
    address_verification_method = 'identity',
    address_normalized = (
      select jsonb_object_agg(key, upper(regexp_replace(btrim(value), '\s+', ' ', 'g')))
      from jsonb_each_text(p_user.address)
    )
  where id = p_user.id;
end;
$$;
comment on function private.verify_address is 'Mark the address that a person gave as verified. The normalized form comes from the person''s own input.';

create function private.notify_of_verification(
  p_user public.users, p_kyc public.kyc_status, p_session private.kyc_sessions
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_kyc = 'passed' then
    perform private.notify(
      p_user.id, 'kyc_updated', 'Your identity is verified', 'You can bid and sell now.',
      jsonb_build_object('kyc', p_kyc)
    );
  elsif p_kyc = 'failed' and p_user.kyc <> 'failed' then
    perform private.notify(
      p_user.id, 'kyc_updated', 'Your identity could not be verified',
      'See the reason on your account page.',
      jsonb_build_object('kyc', p_kyc, 'reason_code', p_session.reason_code),
      -- A start makes the status pending again, although Stripe may still show the same failure.
      concat_ws(
        ':', 'kyc', p_session.id, p_session.reason_code,
        (select count(*) from private.kyc_attempts where session_id = p_session.id)
      )
    );
  end if;
end;
$$;
comment on function private.notify_of_verification is 'Notify a user whose verification has passed or failed. p_user is the row before the change.';

create function private.get_verification(p_user_id uuid, p_stripe_session_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user public.users;
  v_session private.kyc_sessions;
begin
  select * into v_user from public.users where id = p_user_id;
  if v_user.id is null or v_user.deleted_at is not null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  select * into v_session from private.kyc_sessions
  where user_id = p_user_id
    and (p_stripe_session_id is null or stripe_session_id = p_stripe_session_id)
  order by created_at desc, id
  limit 1;
  if v_session.id is null and p_stripe_session_id is not null then
    -- The same answer for another user's session and for none, so nobody can search for sessions.
    return private.refusal('FORBIDDEN', 'This is not your identity check');
  end if;
  return jsonb_build_object(
    'success', true,
    'status', v_user.kyc,
    'stripe_status', nullif(v_session.status, 'starting'),
    'details', jsonb_build_object(
      'reason_code', v_session.reason_code,
      'updated_at', v_session.updated_at,
      'completed_at', case
        when v_session.id is null then v_user.kyc_completed_at else v_session.completed_at
      end
    )
  );
end;
$$;
comment on function private.get_verification is 'Return the verification of a user as the web app reads it; see the public wrapper.';
grant execute on function private.get_verification to service_role;

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

create function private.begin_verification(
  p_user_id uuid, p_legal_name text, p_dob text, p_address jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
  v_new public.users;
  v_session private.kyc_sessions;
  v_refusal jsonb;
begin
  -- The lock makes parallel starts of one user wait, so they get the same session.
  select * into v_user from public.users where id = p_user_id for no key update;
  v_new := private.verification_profile(v_user, p_legal_name, p_dob, p_address);
  select * into v_session from private.open_verification(p_user_id);
  v_refusal := private.verification_refusal(v_user, v_new, v_session);
  if v_refusal is not null then
    return v_refusal;
  end if;

  update public.users
  set
    legal_name = v_new.legal_name,
    dob = v_new.dob,
    address = v_new.address,
    address_verified = v_new.address_verified,
    address_verified_at = v_new.address_verified_at,
    address_verification_method = v_new.address_verification_method,
    address_normalized = v_new.address_normalized,
    kyc = 'pending'
  where id = p_user_id;
  if v_session.id is null then
    insert into private.kyc_sessions (user_id) values (p_user_id) returning * into v_session;
  end if;
  return jsonb_build_object(
    'success', true,
    'verification_id', v_session.id,
    'stripe_session_id', v_session.stripe_session_id,
    'answered_errors', v_session.answered_errors
  );
end;
$$;
comment on function private.begin_verification is 'Store the profile and return the open verification of a user, or a new one; see the public wrapper.';
grant execute on function private.begin_verification to service_role;

create function private.open_verification(p_user_id uuid)
returns private.kyc_sessions
language plpgsql
stable
set search_path = ''
as $$
declare
  v_session private.kyc_sessions;
begin
  select * into v_session from private.kyc_sessions
  where user_id = p_user_id and status in ('starting', 'requires_input', 'processing');
  return v_session;
end;
$$;
comment on function private.open_verification is 'Return the one verification of a user that has not ended, or null.';

create function private.verification_profile(
  p_user public.users, p_legal_name text, p_dob text, p_address jsonb
)
returns public.users
language plpgsql
stable
set search_path = ''
as $$
declare
  v_new public.users := p_user;
begin
  -- Name and birth date of a verified person are fixed. Their start is refused in any case.
  if p_user.kyc = 'passed' then
    return p_user;
  end if;
  v_new.legal_name := private.line_or_null(p_legal_name, 200);
  v_new.dob := private.date_or_null(p_dob);
  v_new.address := private.address_or_null(p_address);
  -- A new address is unverified, as after a change by the person.
  return private.guarded_update(p_user, v_new);
end;
$$;
comment on function private.verification_profile is 'Return a profile with the name, birth date and address that a person gave for the verification. A field that breaks a rule is null.';

create function private.verification_refusal(
  p_user public.users, p_new public.users, p_open private.kyc_sessions
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_wait_ms constant bigint := private.verification_wait_ms(p_user.id);
begin
  return coalesce(private.account_refusal(p_user.id), case
    when p_user.kyc = 'passed'
      then private.refusal('CONFLICT', 'Your identity is verified already')
    when v_wait_ms is not null
      then private.refusal('KYC_COOLDOWN', 'Too many failed identity checks. Please try again later.')
      || jsonb_build_object('retry_after_ms', v_wait_ms)
    when p_open.redaction <> 'none'
      then private.refusal('CONFLICT', 'Your last identity check is being closed. Please try again later.')
    when not private.is_whole_profile(p_new)
      then private.refusal('VALIDATION_ERROR', 'Give your legal name, date of birth and whole address')
  end);
end;
$$;
comment on function private.verification_refusal is 'Return the refusal of a new verification, or null.';

create function private.verification_wait_ms(p_user_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_cooldown constant interval := make_interval(
    secs => private.setting('kyc_cooldown_h')::double precision * 3600
  );
begin
  return (
    select ceil(extract(epoch from failed_at + v_cooldown - v_now) * 1000)
    from private.kyc_attempts
    where user_id = p_user_id and failed_at > v_now - v_cooldown
    order by failed_at desc
    offset greatest(private.setting('kyc_max_attempts')::integer, 1) - 1
    limit 1
  );
end;
$$;
comment on function private.verification_wait_ms is 'Return the time until a user may be checked again, or null if the user may be now. The oldest of the last kyc_max_attempts failed checks decides.';

create function private.is_whole_profile(p_user public.users)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    p_user.legal_name is not null
    and private.is_birth_date(p_user.dob)
    and p_user.address ?& array['street', 'suburb', 'postcode', 'state']
    and p_user.address ->> 'postcode' collate "C" ~ '^[0-9]{4}$'
    and p_user.address ->> 'state' in ('NSW', 'VIC', 'QLD', 'WA', 'SA', 'TAS', 'ACT', 'NT'),
    false
  );
end;
$$;
comment on function private.is_whole_profile is 'Return true if a profile has a name, a birth date and a whole Australian address.';

create function private.record_verification_error(
  p_verification_id uuid, p_answered_errors integer, p_error_code text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  -- Concurrent calls get the same error under the same key. Only the first of them raises the
  -- count.
  update private.kyc_sessions
  set answered_errors = answered_errors + (
    answered_errors = p_answered_errors and private.is_answered_error(p_error_code)
  )::integer
  where id = p_verification_id
  returning answered_errors into v_count;
  if v_count is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'There is no such verification');
  end if;
  return jsonb_build_object('success', true, 'answered_errors', v_count);
end;
$$;
comment on function private.record_verification_error is 'Count an error that Stripe answered to a new session; see the public wrapper.';
grant execute on function private.record_verification_error to service_role;

create function private.attach_verification(p_verification_id uuid, p_stripe_session_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
  v_session private.kyc_sessions;
begin
  select * into v_session from private.kyc_sessions where id = p_verification_id;
  select * into v_user from public.users where id = v_session.user_id for no key update;
  select * into v_session from private.kyc_sessions where id = p_verification_id for update;
  if v_session.stripe_session_id = p_stripe_session_id then
    return jsonb_build_object('success', true, 'stripe_session_id', p_stripe_session_id);
  elsif exists (
    select from private.kyc_sessions where stripe_session_id = p_stripe_session_id
  ) then
    return private.refusal('CONFLICT', 'This session belongs to another verification');
  elsif v_user.id is null or v_user.deleted_at is not null then
    -- The account was deleted while Stripe made the session, so nobody may use it.
    perform private.queue_redaction(p_stripe_session_id);
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif v_session.status <> 'starting' then
    -- A concurrent start has attached another session. Close this one: a user has one open session.
    perform private.queue_redaction(p_stripe_session_id);
    return jsonb_build_object('success', true, 'stripe_session_id', v_session.stripe_session_id);
  end if;

  update private.kyc_sessions
  set stripe_session_id = p_stripe_session_id, status = 'requires_input'
  where id = p_verification_id;
  update public.users set stripe_identity_session_id = p_stripe_session_id where id = v_user.id;
  return jsonb_build_object('success', true, 'stripe_session_id', p_stripe_session_id);
end;
$$;
comment on function private.attach_verification is 'Make a session at Stripe the one of a verification, once; see the public wrapper.';
grant execute on function private.attach_verification to service_role;

-- Kyc: RPCs.

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

-- Kyc: grants and row level security.

alter table private.kyc_sessions enable row level security;

alter table private.kyc_attempts enable row level security;

-- Kyc: triggers.

-- A read at Stripe that finds nothing new is no change of the verification.
create trigger kyc_sessions_stamp_updated_at
before update on private.kyc_sessions
for each row when (
  (old.stripe_session_id, old.status, old.reason_code, old.redaction)
  is distinct from (new.stripe_session_id, new.status, new.reason_code, new.redaction)
)
execute function private.stamp_updated_at();
