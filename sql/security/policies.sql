alter table private.rate_limits enable row level security;

alter table public.audit_logs enable row level security;
grant select (
  id, actor_id, action, entity, entity_id, description, metadata, created_at
) on public.audit_logs to authenticated;

create policy staff_read_the_audit_log on public.audit_logs
for select to authenticated
using (
  (select private.is_staff())
  and (
    actor_id = (select auth.uid())
    or entity_id is distinct from (select auth.uid())::text
    and strpos(metadata::text, (select auth.uid())::text) = 0
  )
);
comment on policy staff_read_the_audit_log on public.audit_logs is 'Only staff read the audit log, and only write_audit writes it. Nobody reads what others decided about them: entries that name the reader are hidden, except the reader''s own actions.';
