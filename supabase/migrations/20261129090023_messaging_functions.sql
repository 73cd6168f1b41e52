set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.open_order_thread(p_order public.orders, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.message_threads as thread (
    listing_id, order_id, buyer_id, seller_id, subject, last_message_at
  )
  select listings.id, p_order.id, p_order.buyer_id, p_order.seller_id, listings.title, p_now
  from public.listings
  where listings.id = p_order.listing_id
  on conflict (listing_id, buyer_id) do update
  set order_id = excluded.order_id;
end;
$$;
comment on function private.open_order_thread is 'Attach the order to the thread in which its buyer asked about the listing, or open a new thread.';

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
  from public.message_threads as thread
  where messages.thread_id = p_thread_id
    and thread.id = p_thread_id
    and auth.uid() in (thread.buyer_id, thread.seller_id)
    and messages.sender_id <> auth.uid()
    and messages.delivery = 'delivered'
    and messages.read_at is null;
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

create function public.mark_thread_read(thread_id uuid)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_thread_read(mark_thread_read.thread_id);
end;
$$;
comment on function public.mark_thread_read is 'Mark the messages that the caller received in a thread as read. Answers how many were unread; 0 for a thread of other users. Raises PROFILE_NOT_FOUND.';
grant execute on function public.mark_thread_read to authenticated;

alter table public.message_threads enable row level security;
grant select (
  id, listing_id, order_id, buyer_id, seller_id, subject, last_message_at, created_at,
  updated_at
) on public.message_threads to authenticated;
-- Realtime publishes the table, and sends a change only to roles that may select the key.
grant select (id) on public.message_threads to service_role;

create policy parties_read_their_threads on public.message_threads
for select to authenticated
using (
  buyer_id = (select auth.uid())
  or seller_id = (select auth.uid())
  or (select private.is_staff())
);
comment on policy parties_read_their_threads on public.message_threads is 'Only buyer, seller and staff may know that the two talk.';

alter table public.messages enable row level security;
grant select (
  id, thread_id, sender_id, client_message_id, content, message_type, attachment_url,
  attachment_name, attachment_size, action, reason_codes, rule_version, delivery, read_at,
  created_at, updated_at
) on public.messages to authenticated;
grant update (read_at) on public.messages to authenticated;
grant select (id) on public.messages to service_role;

create policy parties_read_delivered_messages on public.messages
for select to authenticated
using (
  sender_id = (select auth.uid())
  or (
    (delivery = 'delivered' or (select private.is_staff()))
    -- Use a scalar subquery, because the planner may hash an `exists` and then reads all threads.
    -- It has no statistics to tell it that a thread has few messages.
    and (
      select true from public.message_threads
      where message_threads.id = messages.thread_id
    )
  )
);
comment on policy parties_read_delivered_messages on public.messages is 'The recipient reads delivered messages. Senders also read their own held and rejected messages, and staff read all.';

create policy recipients_mark_messages_read on public.messages
for update to authenticated
using (
  sender_id <> (select auth.uid())
  and delivery = 'delivered'
  and read_at is null
  and (
    select true from public.message_threads
    where
      message_threads.id = messages.thread_id
      and (select auth.uid()) in (message_threads.buyer_id, message_threads.seller_id)
  )
)
with check (read_at is not null);
comment on policy recipients_mark_messages_read on public.messages is 'The recipient sets read_at once. Clients may update no other column.';

create trigger message_threads_stamp_updated_at
before update on public.message_threads
for each row execute function private.stamp_updated_at();

create trigger messages_stamp_read_at
before update on public.messages
for each row when (old.read_at is distinct from new.read_at)
execute function private.stamp_read_at();

create trigger messages_stamp_updated_at
before update on public.messages
for each row execute function private.stamp_updated_at();
