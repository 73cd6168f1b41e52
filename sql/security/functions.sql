create function private.check_request()
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  v_headers constant json := nullif(current_setting('request.headers', true), '');
  v_prefer constant text := lower(v_headers ->> 'prefer');
begin
  -- The patterns match anywhere in the header, because PostgREST accepts several preferences in one
  -- header and many kinds of blanks around them.
  if v_prefer ~ 'count\s*=(?!\s*exact\s*(,|$))' then
    raise sqlstate 'PT400' using
      message = 'PREFERENCE_REFUSED',
      detail = 'Send count=exact or no count. An estimate would count rows that you may not read.';
  end if;
  if v_prefer ~ 'tx\s*=' then
    raise sqlstate 'PT400' using
      message = 'PREFERENCE_REFUSED',
      detail = 'Do not send tx. Every request that succeeds is committed.';
  end if;
end;
$$;
comment on function private.check_request is 'Refuse a request whose preferences would reveal data of other users. PostgREST calls it before each request, with the caller''s rights. Raises PREFERENCE_REFUSED.';
grant execute on function private.check_request to anon, authenticated, service_role;

create function private.rate_limit_hit(p_action text, p_key text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_wait_ms constant bigint := private.count_use(p_action, p_key);
begin
  return jsonb_build_object('allowed', v_wait_ms = 0, 'retry_after_ms', v_wait_ms);
end;
$$;
comment on function private.rate_limit_hit is 'Count one use of an action under a key, usually a user''s id. Return allowed and retry_after_ms, by the limits in the setting rate_limits.';
grant execute on function private.rate_limit_hit to service_role;

create function private.use_rate_limit(p_action text, p_user_id uuid default auth.uid())
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_checked text;
  v_wait_ms bigint;
begin
  if p_user_id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  -- This is an assignment, because `perform` would start the executor.
  v_checked := private.refuse_filtered_call();
  v_wait_ms := private.count_use(p_action, p_user_id::text);
  if v_wait_ms = 0 then
    return null;
  end if;
  perform private.record_refused_call(p_action, p_user_id::text);
  return private.refusal('RATE_LIMITED', 'Too many requests. Please slow down.')
    || jsonb_build_object('retry_after_ms', v_wait_ms);
end;
$$;
comment on function private.use_rate_limit is 'Count one use of an action by a user, usually the signed-in one. Return null within the limit, otherwise the refusal RATE_LIMITED. A token without a user gets PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';

create function private.refuse_filtered_call()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  -- PostgREST filters and casts the answer in the statement that calls the function. A filter such
  -- as `reserve_met=like.tru\` fails for some answers only. So the failure would reveal the answer
  -- and undo the call. The function sees the statement's text, but never the values in it.
  if strpos(current_query(), 'pgrst_source') > 0
    and current_query() collate "C" ~* '\m(where|cast)\M' then
    raise sqlstate 'PT400' using
      message = 'FILTER_REFUSED',
      detail = 'Call this function without filters and casts. Its answer is one object.';
  end if;
end;
$$;
comment on function private.refuse_filtered_call is 'Refuse a call whose caller could undo it after the function has answered. Raises FILTER_REFUSED.';

create function private.count_use(p_action text, p_key text)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_limit jsonb;
  v_now timestamptz;
  v_window_start timestamptz;
begin
  -- Read the setting here and not by private.setting: each bid counts a use, and the call would
  -- cost more than the read.
  select value -> p_action into v_limit from private.app_settings where key = 'rate_limits';
  if v_limit is null or p_key is null then
    raise sqlstate 'PT400' using message = 'UNKNOWN_RATE_LIMIT';
  end if;
  v_now := private.clock();
  v_window_start := date_bin(
    (v_limit ->> 'window_s')::integer * interval '1 second', v_now, 'epoch'
  );

  -- Beyond the limit, a further call changes no row and so writes no row version.
  insert into private.rate_limits as seen (key, window_start, count)
  values (p_action || ':' || p_key, v_window_start, 1)
  on conflict (key, window_start) do update
  set count = seen.count + 1
  where seen.count < (v_limit ->> 'max')::integer;
  if found then
    return 0;
  end if;
  return (v_limit ->> 'window_s')::bigint * 1000
    - floor(extract(epoch from v_now - v_window_start) * 1000);
end;
$$;
comment on function private.count_use is 'Count one use of an action under a key. Return 0 within the limit, otherwise the milliseconds until the next window.';

create function private.write_audit(
  p_actor_id uuid, p_action text, p_entity text, p_entity_id text, p_description text,
  p_metadata jsonb default '{}', p_id uuid default gen_random_uuid()
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.audit_logs (id, actor_id, action, entity, entity_id, description, metadata)
  values (p_id, p_actor_id, p_action, p_entity, p_entity_id, p_description, p_metadata);
end;
$$;
comment on function private.write_audit is 'Add an entry to the audit log, in the same transaction as the action. A caller that gives the id can find the entry again.';

create function private.refuse_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception '% is append only', tg_table_schema || '.' || tg_table_name
    using errcode = 'object_not_in_prerequisite_state';
end;
$$;
comment on function private.refuse_change is 'Trigger: refuse every change of a table to which rows are only added.';
