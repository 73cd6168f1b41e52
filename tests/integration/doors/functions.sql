-- What the door to Postgres is tried with. Sequences count calls also when they are rolled back.
create sequence public.doors_calls;
create table public.doors_notes (key text primary key, call bigint not null);
alter table public.doors_notes enable row level security;

create function public.doors_echo(value jsonb) returns jsonb language sql set search_path = ''
as $$ select value $$;

create function public.doors_nothing() returns void language sql set search_path = ''
as $$ select $$;

create function public.doors_caller() returns jsonb language sql set search_path = ''
as $$
  select jsonb_build_object(
    'role', current_user,
    'user', auth.uid(),
    'request', current_setting('request.headers', true)::jsonb ->> 'x-request-id'
  )
$$;

create function public.doors_fail(sqlstate text, times bigint default 100) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_call constant bigint := nextval('public.doors_calls');
begin
  if v_call <= times then
    raise exception using errcode = doors_fail.sqlstate, message = 'FAILED';
  end if;
  return v_call;
end;
$$;

create function public.doors_lock(key text) returns bigint
language plpgsql security definer set search_path = '' set lock_timeout = '300ms'
as $$
declare
  v_call constant bigint := nextval('public.doors_calls');
begin
  perform from public.doors_notes where doors_notes.key = doors_lock.key for update;
  return v_call;
end;
$$;

create function public.doors_slow_at_first() returns bigint
language plpgsql set search_path = '' set statement_timeout = '300ms'
as $$
declare
  v_call constant bigint := nextval('public.doors_calls');
begin
  if v_call = 1 then
    perform pg_sleep(30);
  end if;
  return v_call;
end;
$$;

create function public.doors_note(key text) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  v_call constant bigint := nextval('public.doors_calls');
begin
  insert into public.doors_notes values (doors_note.key, v_call) on conflict do nothing;
  return v_call;
end;
$$;

create function public.doors_sleep(seconds double precision) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_call constant bigint := nextval('public.doors_calls');
begin
  perform pg_sleep(seconds);
  return v_call;
end;
$$;

grant usage on sequence public.doors_calls to authenticated, service_role;
grant execute on function
public.doors_echo, public.doors_nothing, public.doors_caller, public.doors_fail,
public.doors_lock, public.doors_slow_at_first, public.doors_note, public.doors_sleep
to authenticated, service_role;
