-- Tables for the tests of Realtime.

-- The owner of a row reads it.
create table public.things (
  id integer primary key,
  owner_id uuid,
  title text,
  price numeric(10, 2),
  tags integer[],
  details jsonb,
  seen_at timestamptz,
  is_open boolean
);
alter table public.things enable row level security;
create policy owners_read_things on public.things
for select to authenticated using (owner_id = (select auth.uid()));

-- Everybody reads all rows. Autovacuum's ANALYZE would add a second
-- description of the table to the stream of changes.
create table public.notes (id integer primary key, body text) with (autovacuum_enabled = false);

-- Only service_role reads the third column.
create table public.profiles (id integer primary key, name text, secret text);
revoke select on public.profiles from anon, authenticated;
grant select (id, name) on public.profiles to anon, authenticated;

-- Old rows are sent whole, except deletes under row security.
create table public.drafts (id integer primary key, owner_id uuid, body text);
alter table public.drafts replica identity full;
alter table public.drafts enable row level security;
create policy owners_read_drafts on public.drafts
for select to authenticated using (owner_id = (select auth.uid()));

create table public.keyless (body text);
alter table public.keyless replica identity full;

-- Columns of many types, and a long value that Postgres stores elsewhere.
create type public.mood as enum ('calm', 'hot');
create table public.shapes (
  id bigint primary key,
  mood public.mood,
  data bytea,
  at timestamp,
  day date,
  amount numeric(10, 2),
  share double precision,
  names text[],
  span int4range,
  long text
);
alter table public.shapes alter column long set storage external;
create table public.scrolls (id integer primary key, long text, n integer);
alter table public.scrolls alter column long set storage external;
alter table public.scrolls replica identity full;

-- A subscriber who may not read the key gets no data of a row.
create table public.blinds (id integer primary key, name text);
revoke select on public.blinds from anon, authenticated;
grant select (name) on public.blinds to anon, authenticated;

create table public.closed (id integer primary key);
revoke select on public.closed from anon, authenticated;

create table public.unpublished (id integer primary key);

alter publication supabase_realtime add table
public.things, public.notes, public.profiles, public.drafts, public.keyless, public.closed,
public.shapes, public.scrolls, public.blinds;

-- Signed-in users read and write in rooms. Everybody reads auctions, and only the database writes
-- there.
create policy people_hear_rooms on realtime.messages
for select to authenticated using ((select realtime.topic()) like 'room:%');
create policy people_speak_in_rooms on realtime.messages
for insert to authenticated with check ((select realtime.topic()) like 'room:%');
create policy all_hear_auctions on realtime.messages
for select to anon, authenticated
using ((select realtime.topic()) like 'auction:%' and extension = 'broadcast');

-- A trigger broadcasts the changes of this table to readers of the topic.
create table public.albums (id integer primary key, title text);
create function public.tell_of_album() returns trigger language plpgsql as $$
begin
  perform realtime.broadcast_changes(
    'auction:album ' || coalesce(new.id, old.id)::text,
    tg_op, tg_op, tg_table_name, tg_table_schema, new, old
  );
  return null;
end
$$;
create trigger albums_are_told
after insert or update or delete on public.albums
for each row execute function public.tell_of_album();
