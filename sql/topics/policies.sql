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
