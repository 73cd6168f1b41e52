set lock_timeout = '2s';
set statement_timeout = '30s';

-- No query finds entries by their actor.
-- squawk-ignore require-concurrent-index-deletion
drop index public.audit_logs_actor_id_idx;
