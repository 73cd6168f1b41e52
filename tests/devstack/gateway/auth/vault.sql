-- Rows that a user may read only with a second factor.
create table public.vault (
  id bigint primary key,
  owner_id uuid not null default auth.uid(),
  content text not null
);
alter table public.vault enable row level security;
grant select, insert on public.vault to authenticated;
create policy owner_writes on public.vault for insert to authenticated
with check (owner_id = (select auth.uid()));
create policy owner_reads on public.vault for select to authenticated
using (owner_id = (select auth.uid()));
create policy second_factor_is_asked on public.vault as restrictive for select to authenticated
using ((select auth.jwt() ->> 'aal') = 'aal2');
