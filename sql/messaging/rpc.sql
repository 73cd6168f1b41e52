create function public.mark_thread_read(thread_id uuid)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_thread_read(mark_thread_read.thread_id);
end;
$$;
comment on function public.mark_thread_read is 'Mark the messages that the caller received in a thread as read. Answers how many were unread; 0 for a thread of other users. Raises PROFILE_NOT_FOUND.';
grant execute on function public.mark_thread_read to authenticated;
