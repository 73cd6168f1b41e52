set lock_timeout = '2s';
set statement_timeout = '30s';

-- What Realtime publishes. Row level security decides who receives a change, and a role that may
-- not select the key of a table is never told about it.
-- Watchers see price and end move, and an end that is set or moved rings the closer.
alter publication supabase_realtime add table public.auctions;
-- Watchers see each bid.
alter publication supabase_realtime add table public.bids;
-- The parties see how far an order has come.
alter publication supabase_realtime add table public.orders;
-- The bell rings.
alter publication supabase_realtime add table public.notifications;
-- The inbox moves up a thread, and a thread shows its messages.
alter publication supabase_realtime add table public.message_threads;
alter publication supabase_realtime add table public.messages;
-- New and due work rings the workers.
alter publication supabase_realtime add table public.webhook_events;
alter publication supabase_realtime add table public.outbox;
