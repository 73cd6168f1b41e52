alter table public.outbox enable row level security;
-- These columns are enough to wake a worker. With more, each payload would travel to every worker.
grant select (id, status, next_attempt_at) on public.outbox to service_role;
