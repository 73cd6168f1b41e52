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
