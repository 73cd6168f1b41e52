create trigger outbox_stamp_updated_at
before update on public.outbox
for each row execute function private.stamp_updated_at();
