alter table public.webhook_events enable row level security;
-- These columns are enough to wake a worker. With more, each payload would travel to every worker.
grant select (event_id, status, next_attempt_at) on public.webhook_events to service_role;
