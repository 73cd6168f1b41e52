create trigger disputes_stamp_updated_at
before update on public.disputes
for each row execute function private.stamp_updated_at();
