-- This migration makes settings, repeated requests and rate limits work, and checks each call of
-- the API.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Settings: functions.

create function private.setting(p_key text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_value jsonb;
begin
  select value into v_value from private.app_settings where key = p_key;
  if v_value is null then
    raise exception 'unknown setting: %', p_key;
  end if;
  return v_value;
end;
$$;
comment on function private.setting is 'Return the current value of a setting. Raises an error for an unknown key.';

-- Settings: grants and row level security.

alter table private.app_settings enable row level security;

-- Settings: triggers.

create trigger app_settings_stamp_updated_at
before update on private.app_settings
for each row execute function private.stamp_updated_at();

-- Requests: functions.

create function private.begin_request(
  p_function text, p_request_id uuid, p_arguments jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_hash uuid;
  v_receipt private.request_receipts;
begin
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_request_id is null or auth.uid() is null then
    -- Without a user, the caller is one of our own processes. Their calls have keys of their own.
    return null;
  end if;
  v_hash := md5(p_arguments::text)::uuid;
  -- The insert waits until a concurrent call with the same id ends. A success has then left its
  -- answer, and a refusal has left no row.
  insert into private.request_receipts (caller_id, client_request_id, function, arguments_hash)
  values (auth.uid(), p_request_id, p_function, v_hash)
  on conflict (caller_id, client_request_id) do nothing;
  if found then
    return null;
  end if;
  select * into v_receipt from private.request_receipts
  where caller_id = auth.uid() and client_request_id = p_request_id;
  if v_receipt.function <> p_function or v_receipt.arguments_hash <> v_hash then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_receipt.answer;
end;
$$;
comment on function private.begin_request is 'Begin a repeatable call. Return null if the call is new; the caller then ends with finish_request. Otherwise return the stored answer, or a refusal if the id was used for another function or with other arguments. p_arguments is null where the caller compares them itself.';

create function private.finish_request(p_request_id uuid, p_answer jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if (p_answer ->> 'success')::boolean then
    update private.request_receipts set answer = p_answer
    where caller_id = auth.uid() and client_request_id = p_request_id;
  else
    delete from private.request_receipts
    where caller_id = auth.uid() and client_request_id = p_request_id;
  end if;
  return p_answer;
end;
$$;
comment on function private.finish_request is 'Store a successful answer for later repeats, or drop the receipt of a refusal. Return the answer.';

create function private.purge_receipts(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  with expired as (
    select caller_id, client_request_id from private.request_receipts
    where created_at < p_before
    limit p_max_rows
    for update skip locked
  )
  delete from private.request_receipts as receipt using expired
  where
    receipt.caller_id = expired.caller_id
    and receipt.client_request_id = expired.client_request_id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.purge_receipts is 'Delete the receipts of calls that were made before a time. Return their number.';

-- Requests: grants and row level security.

alter table private.request_receipts enable row level security;

-- Security: functions.

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

-- Security: RPCs.

create function public.rate_limit_hit(action text, key text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.rate_limit_hit(rate_limit_hit.action, rate_limit_hit.key);
end;
$$;
comment on function public.rate_limit_hit is 'Count one use of an HTTP route. RPCs use the same counter. Answers allowed, retry_after_ms. Raises UNKNOWN_RATE_LIMIT.';
grant execute on function public.rate_limit_hit to service_role;

-- Security: grants and row level security.

alter table private.rate_limits enable row level security;

alter table public.audit_logs enable row level security;
grant select (
  id, actor_id, action, entity, entity_id, description, metadata, created_at
) on public.audit_logs to authenticated;

create policy staff_read_the_audit_log on public.audit_logs
for select to authenticated
using (
  (select private.is_staff())
  and (
    actor_id = (select auth.uid())
    or entity_id is distinct from (select auth.uid())::text
    and strpos(metadata::text, (select auth.uid())::text) = 0
  )
);
comment on policy staff_read_the_audit_log on public.audit_logs is 'Only staff read the audit log, and only write_audit writes it. Nobody reads what others decided about them: entries that name the reader are hidden, except the reader''s own actions.';

-- Security: triggers.

create trigger audit_logs_refuse_change
before update or delete or truncate on public.audit_logs
for each statement execute function private.refuse_change();
