alter table public.message_threads enable row level security;
grant select (
  id, listing_id, order_id, buyer_id, seller_id, subject, last_message_at, created_at,
  updated_at
) on public.message_threads to authenticated;
-- Published, so that each ring needs the key to be selectable.
grant select (id) on public.message_threads to service_role;

create policy parties_read_their_threads on public.message_threads
for select to authenticated
using (
  buyer_id = (select auth.uid())
  or seller_id = (select auth.uid())
  or (select private.is_staff())
);
comment on policy parties_read_their_threads on public.message_threads is 'The two who talk, and staff.';

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
    -- A scalar subquery, because the planner may hash an `exists` and then reads all threads. No
    -- statistics show it that a thread has few messages.
    and (
      select true from public.message_threads
      where message_threads.id = messages.thread_id
    )
  )
);
comment on policy parties_read_delivered_messages on public.messages is 'The peer reads what was delivered, the sender also what was held or rejected, staff all.';

create policy recipients_mark_messages_read on public.messages
for update to authenticated
using (
  sender_id <> (select auth.uid())
  and delivery = 'delivered'
  and (
    select true from public.message_threads
    where
      message_threads.id = messages.thread_id
      and (select auth.uid()) in (message_threads.buyer_id, message_threads.seller_id)
  )
)
with check (true);
comment on policy recipients_mark_messages_read on public.messages is 'In read_at alone, which is the one column that is granted.';
