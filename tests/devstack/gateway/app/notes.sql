-- A table and a function for requests that meet faults.

create table public.notes (id integer primary key, body text);
grant select, insert on public.notes to anon, authenticated, service_role;

create function public.add_note(id integer) returns integer language sql as $$
  insert into public.notes (id) values (add_note.id) returning notes.id
$$;
grant execute on function public.add_note to anon, authenticated, service_role;
