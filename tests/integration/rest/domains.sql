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
