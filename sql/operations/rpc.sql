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
