create trigger message_threads_stamp_updated_at
before update on public.message_threads
for each row execute function private.stamp_updated_at();

create trigger messages_set_recipient
before insert on public.messages
for each row execute function private.set_recipient();

create trigger messages_stamp_read_at
before update on public.messages
for each row when (old.read_at is distinct from new.read_at)
execute function private.stamp_read_at();

create trigger messages_stamp_updated_at
before update on public.messages
for each row execute function private.stamp_updated_at();
