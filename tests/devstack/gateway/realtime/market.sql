-- Tables of the shapes that the web app listens to, with the same readers.

create table public.auctions (
  id uuid primary key, status text, current_price_cents bigint, version integer
);
create table public.bids (
  id uuid primary key, auction_id uuid references public.auctions, amount_cents bigint
);
create table public.orders (id uuid primary key, buyer_id uuid, seller_id uuid, state text);
create table public.notifications (id uuid primary key, user_id uuid, title text);
create table public.message_threads (
  id uuid primary key, buyer_id uuid, seller_id uuid, subject text
);
create table public.messages (
  id uuid primary key,
  thread_id uuid references public.message_threads,
  sender_id uuid,
  content text,
  delivery text
);
create table public.disputes (
  id uuid primary key, order_id uuid references public.orders, status text
);
create table public.dispute_messages (
  id uuid primary key,
  dispute_id uuid references public.disputes,
  content text,
  is_internal boolean not null
);
create table public.dispute_evidence (
  id uuid primary key, dispute_id uuid references public.disputes, title text
);
create table public.webhook_events (event_id text primary key, status text, payload jsonb);

alter table public.auctions enable row level security;
alter table public.bids enable row level security;
alter table public.orders enable row level security;
alter table public.notifications enable row level security;
alter table public.message_threads enable row level security;
alter table public.messages enable row level security;
alter table public.disputes enable row level security;
alter table public.dispute_messages enable row level security;
alter table public.dispute_evidence enable row level security;
alter table public.webhook_events enable row level security;

create policy everyone_reads_auctions on public.auctions
for select to anon, authenticated using (true);
create policy everyone_reads_bids on public.bids
for select to anon, authenticated using (true);
create policy parties_read_orders on public.orders
for select to authenticated using ((select auth.uid()) in (buyer_id, seller_id));
create policy owners_read_notifications on public.notifications
for select to authenticated using (user_id = (select auth.uid()));
create policy parties_read_threads on public.message_threads
for select to authenticated using ((select auth.uid()) in (buyer_id, seller_id));
create policy parties_read_messages on public.messages
for select to authenticated using (
  (delivery = 'delivered' or sender_id = (select auth.uid()))
  and exists (select from public.message_threads as t where t.id = messages.thread_id)
);
create policy parties_read_disputes on public.disputes
for select to authenticated using (
  exists (select from public.orders as o where o.id = disputes.order_id)
);
create policy parties_read_dispute_messages on public.dispute_messages
for select to authenticated using (
  not is_internal
  and exists (select from public.disputes as d where d.id = dispute_messages.dispute_id)
);
create policy parties_read_dispute_evidence on public.dispute_evidence
for select to authenticated using (
  exists (select from public.disputes as d where d.id = dispute_evidence.dispute_id)
);
-- A worker is rung by the key, and reads the rest over REST.
revoke all on public.webhook_events from anon, authenticated, service_role;
grant select (event_id, status) on public.webhook_events to service_role;

alter publication supabase_realtime add table
public.auctions, public.bids, public.orders, public.notifications, public.message_threads,
public.messages, public.disputes, public.dispute_messages, public.dispute_evidence,
public.webhook_events;

-- Private topics: a user's own is the user's alone; the parties of a thread talk to each other.
create policy owners_hear_their_topic on realtime.messages
for select to authenticated
using ((select realtime.topic()) = 'user:' || (select auth.uid())::text);
create policy parties_hear_their_thread on realtime.messages
for select to authenticated
using (
  exists (
    select from public.message_threads as t where 'thread:' || t.id::text = (select realtime.topic())
  )
);
create policy parties_type_in_their_thread on realtime.messages
for insert to authenticated
with check (
  extension in ('broadcast', 'presence')
  and exists (
    select from public.message_threads as t where 'thread:' || t.id::text = (select realtime.topic())
  )
);
