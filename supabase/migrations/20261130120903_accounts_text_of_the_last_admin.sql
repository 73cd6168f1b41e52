set lock_timeout = '2s';
set statement_timeout = '30s';

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
