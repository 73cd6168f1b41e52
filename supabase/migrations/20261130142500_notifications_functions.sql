-- This migration makes notifications work.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Notifications: functions.

create function private.notify(
  p_user_id uuid, p_type text, p_title text, p_message text, p_metadata jsonb default '{}',
  p_dedupe_key text default null
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  -- A transaction that waited for a lock began before the one that it follows.
  v_now constant timestamptz := private.clock();
begin
  insert into public.notifications (
    user_id, type, title, message, metadata, dedupe_key, created_at
  )
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
    p_dedupe_key,
    v_now
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

create function private.list_notifications(
  p_user_id uuid, p_is_unread_only boolean, p_max_rows integer
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_rows jsonb;
begin
  if not exists (select from public.users where id = p_user_id and deleted_at is null) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  select coalesce(jsonb_agg(newest.row order by newest.created_at desc, newest.id desc), '[]')
  into v_rows
  from (
    select n.id, n.created_at, to_jsonb(n) - 'dedupe_key' as row
    from public.notifications as n
    where n.user_id = p_user_id and not (p_is_unread_only and n.read)
    order by n.created_at desc, n.id desc
    limit greatest(least(p_max_rows, 100), 1)
  ) as newest;
  return jsonb_build_object(
    'success', true,
    'notifications', v_rows,
    'unread_count',
    (select count(*) from public.notifications as n where n.user_id = p_user_id and not n.read)
  );
end;
$$;
comment on function private.list_notifications is 'Return the newest notifications of a user; see the public wrapper.';
grant execute on function private.list_notifications to service_role;

create function private.mark_notifications(p_user_id uuid, p_notification_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_owner_id uuid;
  v_count integer;
begin
  if not exists (select from public.users where id = p_user_id and deleted_at is null) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  if p_notification_id is not null then
    select user_id into v_owner_id from public.notifications where id = p_notification_id;
    if v_owner_id is null then
      return private.refusal('RESOURCE_NOT_FOUND', 'Notification not found');
    elsif v_owner_id <> p_user_id then
      return private.refusal('FORBIDDEN', 'This notification is not yours');
    end if;
  end if;
  update public.notifications
  set read = true
  where user_id = p_user_id and id = coalesce(p_notification_id, id) and not read;
  get diagnostics v_count = row_count;
  return jsonb_build_object('success', true, 'updated', v_count);
end;
$$;
comment on function private.mark_notifications is 'Mark one notification of a user as read, or all; see the public wrapper.';
grant execute on function private.mark_notifications to service_role;

-- Notifications: RPCs.

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

create function public.list_notifications(
  user_id uuid, is_unread_only boolean default false, max_rows integer default 50
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_notifications(
    list_notifications.user_id, list_notifications.is_unread_only, list_notifications.max_rows
  );
end;
$$;
comment on function public.list_notifications is 'Return the newest notifications of a user, at most 100. Answers success, notifications, unread_count (of all unread ones, also beyond the list). Refusal: PROFILE_NOT_FOUND.';
grant execute on function public.list_notifications to service_role;

create function public.mark_notifications(user_id uuid, notification_id uuid default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_notifications(
    mark_notifications.user_id, mark_notifications.notification_id
  );
end;
$$;
comment on function public.mark_notifications is 'Mark one notification of a user as read, or all of them where notification_id is null. Answers success, updated (the number that was unread). Refusals: PROFILE_NOT_FOUND, RESOURCE_NOT_FOUND, FORBIDDEN.';
grant execute on function public.mark_notifications to service_role;

-- Notifications: grants and row level security.

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

-- Notifications: triggers.

create trigger notifications_stamp_updated_at
before update on public.notifications
for each row execute function private.stamp_updated_at();
