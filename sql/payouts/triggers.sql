create trigger payouts_stamp_updated_at
before update on public.payouts
for each row execute function private.stamp_updated_at();

create trigger connect_accounts_stamp_updated_at
before update on private.connect_accounts
for each row execute function private.stamp_updated_at();
