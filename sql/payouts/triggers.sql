create trigger payouts_stamp_updated_at
before update on public.payouts
for each row execute function private.stamp_updated_at();

create trigger connect_accounts_stamp_updated_at
before update on private.connect_accounts
for each row execute function private.stamp_updated_at();

create trigger outbox_keep_payouts_in_step
after update of status on public.outbox
for each row
when (new.kind = 'transfer' and old.status is distinct from new.status)
execute function private.follow_outbox_status();
