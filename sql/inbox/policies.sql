alter table public.webhook_events enable row level security;
-- What rings a worker, and no more: with the whole row each payload would travel to all of them.
grant select (event_id, status, next_attempt_at) on public.webhook_events to service_role;
