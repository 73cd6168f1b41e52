alter table private.app_settings enable row level security;
