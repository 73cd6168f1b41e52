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
