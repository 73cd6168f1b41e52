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
  -- For staff all ids are in the range, for others none. With a boolean the planner could search no
  -- index for a request without a filter.
  or (
    id between (
      select case when private.is_staff() then '00000000-0000-0000-0000-000000000000'::uuid end
    ) and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    and seller_id <> (select auth.uid())
  )
);
comment on policy parties_read_their_threads on public.message_threads is 'Only buyer, seller and staff may know that the two talk. The seller, also one on the staff, does not see a thread in which every message is held.';

alter table public.messages enable row level security;
grant select (
  id, thread_id, sender_id, client_message_id, content, message_type, attachment_url,
  attachment_name, attachment_size, action, reason_codes, rule_version, delivery, read_at,
  created_at, updated_at, recipient_id
) on public.messages to authenticated;
grant update (read_at) on public.messages to authenticated;
grant select (id) on public.messages to service_role;

create policy parties_read_delivered_messages on public.messages
for select to authenticated
using (
  sender_id = (select auth.uid())
  or (recipient_id = (select auth.uid()) and delivery = 'delivered')
  or (
    id between (
      select case when private.is_staff() then '00000000-0000-0000-0000-000000000000'::uuid end
    ) and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    and (select auth.uid()) not in (sender_id, recipient_id)
  )
);
comment on policy parties_read_delivered_messages on public.messages is 'The recipient reads delivered messages. Senders also read their own held and rejected messages. Staff read all, except those that were held from themselves.';

create policy recipients_mark_messages_read on public.messages
for update to authenticated
using (
  recipient_id = (select auth.uid())
  and delivery = 'delivered'
  and read_at is null
  -- The token of a deleted account stays valid until it expires.
  and (
    select deleted_at is null from public.users
    where id = (select auth.uid())
  )
)
with check (read_at is not null);
comment on policy recipients_mark_messages_read on public.messages is 'The recipient sets read_at once. Clients may update no other column.';

alter table private.message_originals enable row level security;
