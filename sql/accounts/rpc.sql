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

create function public.anonymise_account(user_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.anonymise_account(anonymise_account.user_id);
end;
$$;
comment on function public.anonymise_account is 'Erase the personal data of an account and end its sessions; bids, orders and ledger stay. Answers success. Refusals: PROFILE_NOT_FOUND, ACCOUNT_BUSY (running auction or unfinished order).';
grant execute on function public.anonymise_account to service_role;
