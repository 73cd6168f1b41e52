create trigger payments_stamp_updated_at
before update on public.payments
for each row execute function private.stamp_updated_at();


create trigger refunds_stamp_updated_at
before update on public.refunds
for each row execute function private.stamp_updated_at();
