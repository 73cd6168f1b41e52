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
