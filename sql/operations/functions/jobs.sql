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
  ('end_expired_auctions', '10 seconds', 'select private.close_as_scheduled_job(1000)'),
  ('expire_unpaid_orders', '* * * * *', 'select private.expire_unpaid_orders(1000)'),
  ('settle_due_orders', '* * * * *', 'select private.settle_due_orders(1000)')
$$;
comment on function private.scheduled_jobs is 'Return the jobs that the database runs itself, so that auctions close and orders meet their deadlines even if every worker is down.';

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

create function private.cron_status()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_jobs jsonb := '[]';
begin
  if to_regclass('cron.job') is not null then
    select coalesce(
      jsonb_agg(
        jsonb_build_object('name', jobname, 'schedule', schedule, 'is_active', active)
        order by jobname
      ),
      '[]'
    )
    into v_jobs
    from cron.job;
  end if;
  return jsonb_build_object('cron_jobs', v_jobs, 'job_runs', (
    select coalesce(jsonb_agg(to_jsonb(run) - 'id' order by run.id desc), '[]')
    from (select * from private.job_runs order by id desc limit 50) as run
  ));
end;
$$;
comment on function private.cron_status is 'Return the jobs of pg_cron and the last runs of the workers'' jobs; see the public wrapper.';
grant execute on function private.cron_status to service_role;
