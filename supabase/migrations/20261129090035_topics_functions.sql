set lock_timeout = '2s';
set statement_timeout = '30s';

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
