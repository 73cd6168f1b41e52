create trigger disputes_stamp_updated_at
before update on public.disputes
for each row execute function private.stamp_updated_at();

create trigger disputes_keep_state_and_status_in_step
before insert or update on public.disputes
for each row execute function private.keep_dispute_in_step();
