set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.apply_verification(
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
