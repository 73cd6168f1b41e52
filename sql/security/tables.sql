create table private.rate_limits (
  key text not null,
  window_start timestamptz not null,
  count integer not null,
  constraint rate_limits_pkey primary key (key, window_start),
  constraint rate_limits_count_is_positive check (count > 0)
);
comment on table private.rate_limits is 'Uses of an action under a key, counted in windows of fixed length. Counting stops at the limit.';

create table public.audit_logs (
  id uuid not null default gen_random_uuid(),
  -- There is no foreign key, because an entry outlives the user who did the action.
  actor_id uuid,
  action text not null,
  entity text not null,
  entity_id text,
  description text not null,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now(),
  constraint audit_logs_pkey primary key (id)
);
comment on table public.audit_logs is 'Actions of staff with their reasons, and acts of users that must be provable later. Rows are added and never changed.';

create index audit_logs_entity_idx on public.audit_logs (entity, entity_id, created_at);
-- Staff read the newest entries.
create index audit_logs_created_at_idx on public.audit_logs (created_at desc);
