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

create function public.fixed(word character, flags bit, words character [] default '{}')
returns jsonb language sql immutable as $$ select jsonb_build_array(word, flags::text, words) $$;
create function public.fixed_words(variadic words character []) returns text
language sql immutable as $$ select array_to_string(words, '+') $$;

create domain public.listing_row as public.listings;
create domain public.dear_listing_row as public.listing_row check ((value).start_cents > 0);
create function public.dearest() returns public.dear_listing_row language sql stable as $$
  select l from public.listings as l order by start_cents desc limit 1
$$;
create function public.dear_listings() returns setof public.listing_row language sql stable as $$
  select l from public.listings as l where start_cents > 1500 order by start_cents
$$;
create domain public.size_row as public.measure;
create function public.sized() returns public.size_row
language sql immutable as $$ select row(1, 2)::public.measure::public.size_row $$;

create function public.either() returns text language sql immutable as $$ select 'nothing' $$;
create function public.either(jsonb default '{"from": "default"}') returns text
language sql immutable as $$ select $1::text $$;
create function public.optional(text default 'default') returns text
language sql immutable as $$ select $1 $$;
create function public.twice_or_null(n integer) returns integer
language sql immutable as $$ select n * 2 $$;
create function public.half_named(a integer, integer default 5) returns integer
language sql immutable as $$ select a + $2 $$;
create function public.unnamed(integer default 1) returns integer
language sql immutable as $$ select $1 $$;

-- Relationships of a relation to itself that PostgREST does not know.
create table public.members (
  id integer primary key, buddy_id integer unique constraint buddies references public.members
);
create table public.friends (
  one integer references public.members, other integer references public.members,
  primary key (one, other)
);
insert into public.members values (1, null), (2, 1);
