set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.raise_alerts(p_subject text, p_alerts text[])
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  if p_alerts = '{}' then
    return p_alerts;
  end if;
  v_now := private.clock();
  insert into private.open_alerts (subject, name, leased_until)
  -- The caller gets ten seconds to log and confirm the alert before a worker does.
  select p_subject, alert, v_now + interval '10 seconds' from unnest(p_alerts) as alert
  on conflict (subject, name) do nothing;
  return p_alerts;
end;
$$;
comment on function private.raise_alerts is 'Keep alerts until a process confirms that it has logged them; return them for the answer to the caller.';

create function private.unconfirmed_alerts(p_subject text)
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return array(
    select name from private.open_alerts where subject = p_subject order by created_at, name
  );
end;
$$;
comment on function private.unconfirmed_alerts is 'Return the unconfirmed alerts about an object. An effect RPC that is repeated answers them again, because its first answer may have been lost.';

create function private.confirm_alerts(p_subject text, p_names text[])
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from private.open_alerts where subject = p_subject and name = any(p_names);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.confirm_alerts is 'Remove alerts that the caller has logged; see the public wrapper.';
grant execute on function private.confirm_alerts to service_role;

create function private.claim_alerts(p_max_rows integer, p_lease_s integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_rows jsonb;
begin
  with due as (
    select subject, name from private.open_alerts
    where leased_until <= v_now
    order by leased_until
    limit p_max_rows
    for update skip locked
  ), claimed as (
    update private.open_alerts as alert
    set leased_until = v_now + make_interval(secs => p_lease_s)
    from due
    where alert.subject = due.subject and alert.name = due.name
    returning alert.*
  )
  select coalesce(
    jsonb_agg(jsonb_build_object('subject', subject, 'name', name) order by created_at, name),
    '[]'
  )
  into v_rows
  from claimed;
  return v_rows;
end;
$$;
comment on function private.claim_alerts is 'Lease unconfirmed alerts to a worker; see the public wrapper.';
grant execute on function private.claim_alerts to service_role;

create function private.database_is_ready()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return jsonb_build_object('ready', true, 'server_time', v_now);
end;
$$;
comment on function private.database_is_ready is 'Return ready. An answer proves that the database is reachable and has our schema.';
grant execute on function private.database_is_ready to service_role;

create function private.scheduled_jobs()
returns table (job text, schedule text, command text)
language sql
immutable
set search_path = ''
as $$
  values
  ('activate_due_auctions', '10 seconds', 'select private.activate_due_auctions(1000)'),
  ('end_expired_auctions', '10 seconds', 'select private.end_expired_auctions(1000)')
$$;
comment on function private.scheduled_jobs is 'Return the jobs that the database runs itself, so that auctions close even if every worker is down.';

create function private.schedule_jobs()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer := 0;
  v_job record;
begin
  -- pg_cron works in one database of a server, and only if the server preloads it.
  if
    not exists (select from pg_available_extensions where name = 'pg_cron')
    or current_setting('cron.database_name', true) is distinct from current_database()::text
  then
    return 0;
  end if;
  create extension if not exists pg_cron;
  for v_job in select * from private.scheduled_jobs() loop
    perform cron.schedule(v_job.job, v_job.schedule, v_job.command);
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.schedule_jobs is 'Let pg_cron run the scheduled jobs, where it exists. Return the number of jobs. A repeated call changes nothing.';

create function public.database_is_ready()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.database_is_ready();
end;
$$;
comment on function public.database_is_ready is 'Return the state of the database for health checks. Answers ready, server_time.';
grant execute on function public.database_is_ready to service_role;

create function public.claim_alerts(max_rows integer, lease_s integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_alerts(claim_alerts.max_rows, claim_alerts.lease_s);
end;
$$;
comment on function public.claim_alerts is 'Lease at most max_rows alerts that no process has confirmed: an array of {subject, name}. Log each one, then call confirm_alerts. Any number of workers may call.';
grant execute on function public.claim_alerts to service_role;

create function public.confirm_alerts(subject text, names text[])
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.confirm_alerts(confirm_alerts.subject, confirm_alerts.names);
end;
$$;
comment on function public.confirm_alerts is 'Confirm that the caller has logged these alerts about an object. Answers how many were open; a repeated call answers 0.';
grant execute on function public.confirm_alerts to service_role;

alter table private.open_alerts enable row level security;

-- If pg_cron works in this database, it closes auctions when no worker does.
select private.schedule_jobs();
