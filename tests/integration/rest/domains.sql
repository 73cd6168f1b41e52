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
