alter table private.rate_limits enable row level security;

alter table public.audit_logs enable row level security;
grant select (
  id, actor_id, action, entity, entity_id, description, metadata, created_at
) on public.audit_logs to authenticated;

create policy staff_read_the_audit_log on public.audit_logs
for select to authenticated
using ((select private.is_staff()));
comment on policy staff_read_the_audit_log on public.audit_logs is 'Only staff read the audit log. Only write_audit writes it.';
