create function public.mark_all_notifications_read()
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_all_notifications_read();
end;
$$;
comment on function public.mark_all_notifications_read is 'Mark all notifications of the caller as read. Answers how many were unread. Raises PROFILE_NOT_FOUND.';
grant execute on function public.mark_all_notifications_read to authenticated;
