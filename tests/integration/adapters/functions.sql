-- Functions by which tests try the adapter. Sequences also count calls that are rolled back.
create sequence public.adapters_calls;
create table public.adapters_notes (key text primary key, call bigint not null);
alter table public.adapters_notes enable row level security;

create function public.adapters_echo(value jsonb) returns jsonb language sql set search_path = ''
as $$ select value $$;

create function public.adapters_nothing() returns void language sql set search_path = ''
as $$ select $$;

create function public.adapters_caller() returns jsonb language sql set search_path = ''
as $$
  select jsonb_build_object(
    'role', current_user,
    'user', auth.uid(),
    'request', current_setting('request.headers', true)::jsonb ->> 'x-request-id'
  )
$$;

create function public.adapters_fail(sqlstate text, times bigint default 100) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_call constant bigint := nextval('public.adapters_calls');
begin
  if v_call <= times then
    raise exception using errcode = adapters_fail.sqlstate, message = 'FAILED';
  end if;
  return v_call;
end;
$$;

create function public.adapters_lock(key text) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  v_call constant bigint := nextval('public.adapters_calls');
begin
  -- The first call fails soon. A later one waits until the test has released the lock.
  perform set_config('lock_timeout', case when v_call = 1 then '50ms' else '60s' end, true);
  perform from public.adapters_notes where adapters_notes.key = adapters_lock.key for update;
  return v_call;
end;
$$;

create function public.adapters_slow_at_first() returns bigint
language plpgsql set search_path = '' set statement_timeout = '300ms'
as $$
declare
  v_call constant bigint := nextval('public.adapters_calls');
begin
  if v_call = 1 then
    perform pg_sleep(30);
  end if;
  return v_call;
end;
$$;

create function public.adapters_note(key text) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  v_call constant bigint := nextval('public.adapters_calls');
begin
  insert into public.adapters_notes values (adapters_note.key, v_call) on conflict do nothing;
  return v_call;
end;
$$;

create function public.adapters_sleep(seconds double precision) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_call constant bigint := nextval('public.adapters_calls');
begin
  perform pg_sleep(seconds);
  return v_call;
end;
$$;

grant usage on sequence public.adapters_calls to authenticated, service_role;
grant execute on function
public.adapters_echo, public.adapters_nothing, public.adapters_caller, public.adapters_fail,
public.adapters_lock, public.adapters_slow_at_first, public.adapters_note, public.adapters_sleep
to authenticated, service_role;
