alter table public.users enable row level security;
-- Without a policy anon reads no row, and so an embed of a stranger is null instead of an error.
grant select on public.users to anon, authenticated;
-- On every column, since the register page names some that the guard overrules.
grant insert on public.users to authenticated;
grant update (display_name, legal_name, phone, dob, address) on public.users to authenticated;

create policy people_read_their_own_row on public.users
for select to authenticated
using (id = (select auth.uid()) or (select private.is_staff()));
comment on policy people_read_their_own_row on public.users is 'Whether somebody is verified or suspended is nobody else''s to know, but staff''s.';

create policy people_add_their_own_row on public.users
for insert to authenticated
with check (id = (select auth.uid()));
comment on policy people_add_their_own_row on public.users is 'The sign-up has made it already: the second one is a duplicate, which the register page expects.';

create policy people_change_their_own_row on public.users
for update to authenticated
using (id = (select auth.uid()) and deleted_at is null)
with check (id = (select auth.uid()));
comment on policy people_change_their_own_row on public.users is 'In the columns that are granted; the guard looks at what they write.';
