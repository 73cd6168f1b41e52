alter table public.notifications enable row level security;
grant select (
  id, user_id, type, title, message, read, metadata, dedupe_key, created_at, updated_at
) on public.notifications to authenticated;
grant update (read) on public.notifications to authenticated;
-- Realtime publishes the table, and sends a change only to roles that may select the key.
grant select (id) on public.notifications to service_role;

create policy people_read_their_own_notifications on public.notifications
for select to authenticated
using (user_id = (select auth.uid()));
comment on policy people_read_their_own_notifications on public.notifications is 'Nobody else, staff included, reads a person''s notifications.';

create policy people_mark_their_own_notifications on public.notifications
for update to authenticated
using (
  user_id = (select auth.uid())
  -- The token of a deleted account stays valid until it expires.
  and (
    select deleted_at is null from public.users
    where id = (select auth.uid())
  )
)
with check (user_id = (select auth.uid()) and read);
comment on policy people_mark_their_own_notifications on public.notifications is 'A read notification stays read. Clients may update no other column.';
