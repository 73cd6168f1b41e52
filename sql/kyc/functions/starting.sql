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
