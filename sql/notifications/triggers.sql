create trigger notifications_stamp_updated_at
before update on public.notifications
for each row execute function private.stamp_updated_at();
