-- This migration opens the private channels of Realtime, and names the tables that it publishes.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Topics: grants and row level security.

-- Every client may join the private topic of an auction and receive its broadcasts. Without a
-- policy for insert no client may send: only the database calls realtime.send. Hosted Supabase lets
-- us create policies on this table, but not comment on them.
create policy everyone_receives_auction_broadcasts on realtime.messages
for select to anon, authenticated
using (
  extension = 'broadcast'
  and (select realtime.topic())
  ~ '^auction:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
);

-- A project that allows only private channels refuses to let a client join any other, even one that
-- only receives changes of rows. So clients may join the web app's channels as private ones. Nobody
-- broadcasts on them, and the policies of each table decide on its rows.
create policy everyone_joins_channels_of_changes on realtime.messages
for select to anon, authenticated
using (
  extension = 'broadcast'
  and (
    (select realtime.topic()) = 'notifications'
    or (select realtime.topic())
    ~ (
      '^(auction|order|thread|user-threads|user-orders|dispute|dispute-messages|dispute-evidence)'
      || '-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
    )
  )
);

-- Realtime: publication.

-- Realtime publishes these tables. Row level security decides which clients receive a change. A
-- role that may not select a table's key receives nothing.
-- Watchers see the price and the end. A new or moved end wakes the closer.
alter publication supabase_realtime add table public.auctions;
-- Watchers see each bid.
alter publication supabase_realtime add table public.bids;
-- Buyer and seller see the state of their order.
alter publication supabase_realtime add table public.orders;
-- The web app shows the number of unread notifications.
alter publication supabase_realtime add table public.notifications;
-- The web app sorts threads by their last message and shows new messages.
alter publication supabase_realtime add table public.message_threads;
alter publication supabase_realtime add table public.messages;
-- Buyer, seller and staff follow a dispute.
alter publication supabase_realtime add table public.disputes;
alter publication supabase_realtime add table public.dispute_messages;
alter publication supabase_realtime add table public.dispute_evidence;
-- New work wakes the workers.
alter publication supabase_realtime add table public.webhook_events;
alter publication supabase_realtime add table public.outbox;
