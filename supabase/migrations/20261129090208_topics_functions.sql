set lock_timeout = '2s';
set statement_timeout = '30s';

-- Whoever joins the private topic of an auction may receive there. Nobody may send: that takes a
-- policy for insert, and only the database calls realtime.send. Hosted Supabase lets us make
-- policies on this table and no comments on them.
create policy everyone_receives_auction_broadcasts on realtime.messages
for select to anon, authenticated
using (
  extension = 'broadcast'
  and (select realtime.topic())
  ~ '^auction:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
);
