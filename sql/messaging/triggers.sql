create trigger message_threads_stamp_updated_at
before update on public.message_threads
for each row execute function private.stamp_updated_at();


create trigger messages_stamp_updated_at
before update on public.messages
for each row execute function private.stamp_updated_at();
