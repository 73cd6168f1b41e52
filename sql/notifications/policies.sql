alter table public.notifications enable row level security;
grant select (
  id, user_id, type, title, message, read, metadata, dedupe_key, created_at, updated_at
) on public.notifications to authenticated;
grant update (read) on public.notifications to authenticated;
-- Published, so that each ring needs the key to be selectable.
grant select (id) on public.notifications to service_role;

create policy people_read_their_own_notifications on public.notifications
for select to authenticated
using (user_id = (select auth.uid()));
comment on policy people_read_their_own_notifications on public.notifications is 'What a person is told is between them and us.';

create policy people_mark_their_own_notifications on public.notifications
for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()));
comment on policy people_mark_their_own_notifications on public.notifications is 'In the column read alone, which is the one that is granted.';
