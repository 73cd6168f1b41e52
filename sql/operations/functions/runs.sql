create function private.record_job_run(
  p_job text, p_started_at text, p_processed integer, p_failed integer, p_error text
)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_started_at constant timestamptz := private.time_or_null(p_started_at);
  v_now constant timestamptz := private.clock();
begin
  perform private.refuse_unless_valid(
    num_nulls(v_started_at, p_job) = 0 and p_processed >= 0 and p_failed >= 0
  );
  insert into private.job_runs (job, started_at, finished_at, processed, failed, error)
  select p_job, v_started_at, v_now, p_processed, p_failed, left(p_error, 2000)
  -- The call may be repeated after a lost answer.
  where not exists (
    select from private.job_runs where job = p_job and started_at = v_started_at
  );
  return found;
end;
$$;
comment on function private.record_job_run is 'Record a run of a job, once; see the public wrapper.';
grant execute on function private.record_job_run to service_role;
