-- Domains as the types of columns.
create domain public.grade as integer default 1;
create domain public.fine_grade as public.grade;
create table public.graded (
  id integer primary key,
  own public.grade default 10,
  inherited public.grade,
  distant public.fine_grade,
  none public.grade default null,
  twice integer generated always as (id * 2) stored
);
insert into public.graded values (7, 9, 9, 9, 9);

create domain public.words as tsvector;
create domain public.known_words as public.words;
create domain public.prose as text;
create table public.articles (
  id integer primary key,
  body text not null,
  essay public.prose,
  words public.known_words,
  simple_words tsvector,
  doc jsonb
);
create view public.headlines as select id, words, simple_words from public.articles;
create function public.word_list(public.articles) returns tsvector
language sql immutable as $$ select to_tsvector('english', $1.body) $$;
create function public.summary(public.articles) returns text
language sql immutable as $$ select $1.body $$;
create function public.search_articles() returns table (id integer, words tsvector, body text)
language sql stable as $$ select id, words, body from public.articles $$;
insert into public.articles
select
  id, body, body, to_tsvector('english', body), to_tsvector('simple', body),
  jsonb_build_object('body', body)
from (values (1, 'The red bicycles'), (2, 'A blue teapot')) as written (id, body);

-- A price is a number of cents in the database, and has dollars in JSON and in texts.
create domain public.price as bigint;
create domain public.fair_price as public.price;
create function public.price_to_json(public.price) returns json language sql immutable as $$
  select to_json('$' || trim(to_char($1::bigint / 100.0, 'FM999990.00')))
$$;
create function public.price_from_text(text) returns public.price language sql immutable as $$
  select (replace($1, '$', '')::numeric * 100)::bigint::public.price
$$;
create function public.price_from_json(json) returns public.price language sql immutable as $$
  select public.price_from_text($1 #>> '{}')
$$;
create cast (public.price as json) with function public.price_to_json(public.price) as implicit;
create cast (text as public.price) with function public.price_from_text(text) as implicit;
create cast (json as public.price) with function public.price_from_json(json) as implicit;

-- PostgREST uses none of these casts: one is not implicit, and no role may call the other's
-- function.
create domain public.shy as text;
create function public.shy_to_json(public.shy) returns json
language sql immutable as $$ select '"shown"'::json $$;
create cast (public.shy as json) with function public.shy_to_json(public.shy) as assignment;
create domain public.closed as text;
create function public.closed_to_json(public.closed) returns json
language sql immutable as $$ select '"shown"'::json $$;
revoke execute on function public.closed_to_json from public, anon, authenticated, service_role;
create cast (public.closed as json) with function public.closed_to_json(public.closed) as implicit;
-- This domain has a form in JSON and none in texts.
create domain public.mark as text;
create function public.mark_to_json(public.mark) returns json
language sql immutable as $$ select json_build_object('mark', upper($1)) $$;
create cast (public.mark as json) with function public.mark_to_json(public.mark) as implicit;

create table public.goods (
  id integer primary key,
  price public.price not null,
  old_price public.price,
  fair public.fair_price default 100,
  shy public.shy default 'shy',
  closed public.closed default 'closed',
  mark public.mark default 'a'
);
create table public.labels (
  price public.price primary key, good_id integer references public.goods, word text
);
create view public.cheap_goods as select id, price from public.goods where price < 1000;
insert into public.goods (id, price, old_price) values
(1, 1250, 1500), (2, 900, null), (3, 10000, 20000);
insert into public.labels values (100, 1, 'low'), (2500, 2, 'high');
create function public.goods_above(cents bigint) returns setof public.goods
language sql stable as $$ select * from public.goods where price > cents order by id $$;
create function public.first_price() returns public.price
language sql stable as $$ select price from public.goods where id = 1 $$;
create function public.half_price(public.goods) returns public.price
language sql stable as $$ select ($1.price / 2)::public.price $$;
create function public.halved(cost public.price) returns bigint
language sql immutable as $$ select cost / 2 $$;
