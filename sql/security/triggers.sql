create trigger audit_logs_refuse_change
before update or delete or truncate on public.audit_logs
for each statement execute function private.refuse_change();
