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
