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
