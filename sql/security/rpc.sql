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
