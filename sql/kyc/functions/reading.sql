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
