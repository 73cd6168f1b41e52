set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function public.anonymise_account(user_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.anonymise_account(anonymise_account.user_id);
end;
$$;
comment on function public.anonymise_account is 'Erase the personal data of an account and end its sessions; bids, orders, messages and ledger stay. Answers success. Refusals: PROFILE_NOT_FOUND, ACCOUNT_BUSY (running auction, unfinished order, open dispute, money on its way, or the last admin).';

create or replace function private.role_refusal(p_user public.users, p_role text)
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

create or replace function private.anonymise_account(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
begin
  -- Of two admins who leave at once, one has to stay.
  if exists (select from public.users where id = p_user_id and role = 'admin') then
    perform private.lock_admins();
  end if;
  -- The lock waits for bids, listings and orders under way that refer to the user. Those that come
  -- later wait for it, and find the account deleted.
  select * into v_user from public.users where id = p_user_id for update;
  if v_user.id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif v_user.deleted_at is not null then
    return jsonb_build_object('success', true);
  elsif private.has_open_business(p_user_id) or private.has_money_under_way(p_user_id) then
    return private.refusal(
      'ACCOUNT_BUSY',
      'The account still has a running auction, an unfinished order, an open dispute, '
      'or money on its way'
    );
  elsif private.is_last_admin(v_user) then
    return private.refusal(
      'ACCOUNT_BUSY', 'Make another user an admin first: you are the last one'
    );
  end if;
  perform private.erase_personal_data(p_user_id, p_user_id);
  return jsonb_build_object('success', true);
end;
$$;
