alter table private.open_alerts enable row level security;
