create function public.mark_all_notifications_read()
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_all_notifications_read();
end;
$$;
comment on function public.mark_all_notifications_read is 'Mark all of the signed-in user''s notifications read; returns how many were not.';
grant execute on function public.mark_all_notifications_read to authenticated;
