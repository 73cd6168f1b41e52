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
comment on function public.database_is_ready is 'For health checks. Answers ready, server_time.';
grant execute on function public.database_is_ready to service_role;
