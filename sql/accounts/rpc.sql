create function public.session_is_live(user_id uuid, session_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.session_is_live(session_is_live.user_id, session_is_live.session_id);
end;
$$;
comment on function public.session_is_live is 'Return the state of a verified JWT''s session. Answers is_live, is_suspended, role.';
grant execute on function public.session_is_live to service_role;

create function public.session_is_staff(user_id uuid, session_id uuid, aal text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.session_is_staff(
    session_is_staff.user_id, session_is_staff.session_id, session_is_staff.aal
  );
end;
$$;
comment on function public.session_is_staff is 'Return the state of a verified JWT''s session. Answers is_live, is_suspended, role, and is_staff: the user is a moderator or an admin, with a second factor where require_staff_aal2 is true. aal is the strength that the token names.';
grant execute on function public.session_is_staff to service_role;

create function public.anonymise_account(user_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.anonymise_account(anonymise_account.user_id);
end;
$$;
comment on function public.anonymise_account is 'Erase the personal data of an account and end its sessions; bids, orders, messages and ledger stay. Answers success. Refusals: PROFILE_NOT_FOUND, ACCOUNT_BUSY (running auction, unfinished order, open dispute, money on its way, or the last admin).';
grant execute on function public.anonymise_account to service_role;

create function public.check_deletion(user_id uuid, session_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.check_deletion(check_deletion.user_id, check_deletion.session_id);
end;
$$;
comment on function public.check_deletion is 'Check that the session of a verified JWT may delete its account: the user signed in at most 10 minutes ago. Answers success, also after an earlier deletion. Refusals: UNAUTHORIZED, USER_SUSPENDED, SESSION_TOO_OLD.';
grant execute on function public.check_deletion to service_role;

create function public.claim_account_deletions(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_account_deletions(claim_account_deletions.max_rows);
end;
$$;
comment on function public.claim_account_deletions is 'Claim anonymised accounts whose user at Auth must still be deleted. Answers their ids. An account is claimed at most once a minute; after an hour each claim raises account_deletion_stuck.';
grant execute on function public.claim_account_deletions to service_role;

create function public.staff_find_user(email text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.staff_find_user(staff_find_user.email);
end;
$$;
comment on function public.staff_find_user is 'Find the user of a whole e-mail address as staff, in any case: {success, user_id}. Refusal: PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_find_user to authenticated;
