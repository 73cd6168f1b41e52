create trigger pickups_stamp_updated_at
before update on private.pickups
for each row execute function private.stamp_updated_at();

create trigger shipments_stamp_updated_at
before update on public.shipments
for each row execute function private.stamp_updated_at();
