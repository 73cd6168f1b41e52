-- The database sends broadcasts, by a function and by a trigger.
create function public.send_broadcast(
  topic text, event text, payload jsonb, private boolean = true
) returns void language sql as $$
  select realtime.send(
    send_broadcast.payload, send_broadcast.event, send_broadcast.topic, send_broadcast.private
  )
$$;
revoke execute on function public.send_broadcast from public, anon, authenticated;

create table public.tasks (id integer primary key, title text);
create function public.broadcast_task() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform realtime.broadcast_changes(
    'room:task:' || coalesce(new.id, old.id)::text, tg_op, tg_op, tg_table_name, tg_table_schema,
    new, old
  );
  return null;
end $$;
create trigger broadcast_task after insert or update or delete on public.tasks
for each row execute function public.broadcast_task();
