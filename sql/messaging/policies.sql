alter table public.message_threads enable row level security;
grant select (
  id, listing_id, order_id, buyer_id, seller_id, subject, last_message_at, created_at,
  updated_at, is_visible_to_seller
) on public.message_threads to authenticated;
-- Realtime publishes the table, and sends a change only to roles that may select the key.
grant select (id) on public.message_threads to service_role;

create policy parties_read_their_threads on public.message_threads
for select to authenticated
using (
  buyer_id = (select auth.uid())
  or (seller_id = (select auth.uid()) and is_visible_to_seller)
  or (seller_id <> (select auth.uid()) and (select private.is_staff()))
);
comment on policy parties_read_their_threads on public.message_threads is 'Only buyer, seller and staff may know that the two talk. The seller, also one on the staff, does not see a thread in which every message is held.';

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
  -- Use a scalar subquery, because the planner may hash an `exists` and then reads all threads. It
  -- has no statistics to tell it that a thread has few messages.
  or (
    select
      messages.delivery = 'delivered'
      or (
        (select private.is_staff())
        and (select auth.uid()) not in (message_threads.buyer_id, message_threads.seller_id)
      )
    from public.message_threads
    where message_threads.id = messages.thread_id
  )
);
comment on policy parties_read_delivered_messages on public.messages is 'The recipient reads delivered messages. Senders also read their own held and rejected messages. Staff read all, except those that were held from themselves.';

create policy recipients_mark_messages_read on public.messages
for update to authenticated
using (
  sender_id <> (select auth.uid())
  and delivery = 'delivered'
  and read_at is null
  -- The token of a deleted account stays valid until it expires.
  and (
    select deleted_at is null from public.users
    where id = (select auth.uid())
  )
  and (
    select true from public.message_threads
    where
      message_threads.id = messages.thread_id
      and (select auth.uid()) in (message_threads.buyer_id, message_threads.seller_id)
  )
)
with check (read_at is not null);
comment on policy recipients_mark_messages_read on public.messages is 'The recipient sets read_at once. Clients may update no other column.';

alter table private.message_originals enable row level security;
