set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.notify(
  p_user_id uuid, p_type text, p_title text, p_message text, p_metadata jsonb default '{}',
  p_dedupe_key text default null
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.notifications (user_id, type, title, message, metadata, dedupe_key)
  values (
    p_user_id,
    p_type,
    p_title,
    p_message,
    p_metadata || jsonb_strip_nulls(
      jsonb_build_object(
        'order_id', coalesce(p_metadata -> 'order_id', p_metadata -> 'orderId'),
        'orderId', coalesce(p_metadata -> 'orderId', p_metadata -> 'order_id')
      )
    ),
    p_dedupe_key
  )
  on conflict (dedupe_key) do nothing;
end;
$$;
comment on function private.notify is 'Add a notification for a user, once per dedupe_key. The web app reads an order''s id under two keys, so the metadata gets both.';

create function private.mark_all_notifications_read()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform private.require_account();
  update public.notifications
  set read = true
  where user_id = auth.uid() and not read;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.mark_all_notifications_read is 'Mark the caller''s own notifications as read; see the public wrapper.';
grant execute on function private.mark_all_notifications_read to authenticated;

create function public.mark_all_notifications_read()
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_all_notifications_read();
end;
$$;
comment on function public.mark_all_notifications_read is 'Mark all notifications of the caller as read. Answers how many were unread. Raises PROFILE_NOT_FOUND.';
grant execute on function public.mark_all_notifications_read to authenticated;

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
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()) and read);
comment on policy people_mark_their_own_notifications on public.notifications is 'A read notification stays read. Clients may update no other column.';

create trigger notifications_stamp_updated_at
before update on public.notifications
for each row execute function private.stamp_updated_at();
