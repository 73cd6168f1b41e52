alter table public.outbox enable row level security;
-- What rings a worker, and no more: with the whole row each payload would travel to all of them.
grant select (id, status, next_attempt_at) on public.outbox to service_role;
