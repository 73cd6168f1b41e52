create function private.mark_thread_read(p_thread_id uuid)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  perform private.require_account();
  update public.messages
  set read_at = v_now
  where thread_id = p_thread_id
    and recipient_id = auth.uid()
    and delivery = 'delivered'
    and read_at is null;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.mark_thread_read is 'Mark the messages that the caller received in a thread as read; see the public wrapper.';
grant execute on function private.mark_thread_read to authenticated;

create function private.stamp_read_at()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  -- The recipient's client sends a time of its own, which may be any time.
  new.read_at := coalesce(old.read_at, v_now);
  return new;
end;
$$;
comment on function private.stamp_read_at is 'Trigger: write the database''s time as read_at, once. A later change keeps the first time.';
