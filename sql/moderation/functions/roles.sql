create function private.admin_set_role(
  p_user_id uuid, p_role text, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'admin_set_role', p_client_request_id, jsonb_build_array(p_user_id, p_role, p_reason)
  );
  v_user public.users;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_admin();
  perform private.lock_admins();
  select * into v_user from public.users where id = p_user_id for no key update;
  -- Another admin may have taken the caller's role during the wait for the locks.
  perform private.refuse_unless_admin();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.role_refusal(v_user, p_role),
    private.store_role(v_user, p_role, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.admin_set_role is 'Change the role of a user as an admin; see the public wrapper.';
grant execute on function private.admin_set_role to authenticated;

create function private.refuse_unless_admin()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not private.is_admin() then
    raise sqlstate 'PT403' using message = 'FORBIDDEN';
  end if;
end;
$$;
comment on function private.refuse_unless_admin is 'Raise FORBIDDEN unless the caller is an admin, with a second factor where require_staff_aal2 is true.';

create function private.role_refusal(p_user public.users, p_role text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_user.id is null or p_user.deleted_at is not null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_role is null or p_role <> all(enum_range(null::public.user_role)::text[]) then
    return private.refusal('VALIDATION_ERROR', 'A role is buyer, seller, moderator or admin');
  elsif p_role = p_user.role::text then
    return null;
  elsif private.is_last_admin(p_user) then
    return private.refusal('LAST_ADMIN', 'The last admin keeps the role');
  elsif p_role in ('moderator', 'admin') and not private.may_become_staff(p_user.id) then
    return private.refusal('SECOND_FACTOR_REQUIRED', 'This user has no verified second factor');
  end if;
  return null;
end;
$$;
comment on function private.role_refusal is 'Return the reason why a user cannot get a role, or null. The caller has locked all admins.';

create function private.is_last_admin(p_user public.users)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_user.role = 'admin' and not exists (
    select from public.users
    where
      role = 'admin' and id <> p_user.id and suspended_at is null and deleted_at is null
  );
end;
$$;
comment on function private.is_last_admin is 'Return true if no admin would be left without this user. The caller has locked all admins.';

create function private.may_become_staff(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return not private.setting('require_staff_aal2')::boolean or exists (
    select from auth.mfa_factors where user_id = p_user_id and status = 'verified'
  );
end;
$$;
comment on function private.may_become_staff is 'Return true if a user has a verified second factor, or staff need none.';

create function private.store_role(p_user public.users, p_role text, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if p_role <> p_user.role::text then
    update public.users
    set
      role = p_role::public.user_role,
      -- A name of the staff stays with the staff.
      display_name = case
        when p_role in ('buyer', 'seller') and private.claims_authority(display_name)
          then private.default_name()
        else display_name
      end
    where id = p_user.id;
    perform private.write_audit(
      auth.uid(), 'role_set', 'users', p_user.id::text, p_reason,
      jsonb_build_object('from', p_user.role, 'to', p_role)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.store_role is 'Store a new role, and audit it. The same role again changes nothing.';
