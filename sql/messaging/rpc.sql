create function public.mark_thread_read(thread_id uuid)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_thread_read(mark_thread_read.thread_id);
end;
$$;
comment on function public.mark_thread_read is 'Mark the messages that the signed-in party has received in a thread read; returns how many were not. Somebody else''s thread: 0.';
grant execute on function public.mark_thread_read to authenticated;
