-- Rarer forms of relations and functions.
create table public.events (
  id integer, day date, note text, category_id integer references public.categories,
  primary key (id, day)
) partition by range (day);
create table public.events_2026 partition of public.events
for values from ('2026-01-01') to ('2027-01-01');
create table public.events_later partition of public.events default;
insert into public.events values (1, '2026-05-01', 'secret', 1), (2, '2027-05-01', 'open', 2);
alter table public.events enable row level security;
create policy open_events_are_read on public.events for select using (note = 'open');

-- A base column twice, and the keys of two tables.
create view public.offers as
select id, seller_id as seller, seller_id as vendor, title from public.listings;
create view public.sales as
select a.id as auction, l.id as listing, l.title
from public.auctions as a join public.listings as l on l.id = a.listing_id;
create view public.labelled as
with labels as (select id as label_id, seller_id as label_of, upper(title) as label from public.listings)
select l.label_id, l.label_of, l.label, ':resno' as ":resno", (1) as "a {b} (c)" from labels as l;
-- PostgREST follows a view through the schemas that it serves or searches, and no further.
create view other.hidden_offers as select id, seller_id from public.listings;
create view public.shown_offers as select id, seller_id from other.hidden_offers;

-- Relationships of a relation to itself that PostgREST does not know.
create table public.members (
  id integer primary key, buddy_id integer unique constraint buddies references public.members
);
create table public.friends (
  one integer references public.members, other integer references public.members,
  primary key (one, other)
);
insert into public.members values (1, null), (2, 1);
