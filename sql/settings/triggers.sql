create trigger app_settings_stamp_updated_at
before update on private.app_settings
for each row execute function private.stamp_updated_at();
