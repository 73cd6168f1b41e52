-- A project's own trigger on sign-up, as every Supabase project has one.
create table public.members (
  id uuid primary key references auth.users (id) on delete cascade,
  email text not null,
  nickname text not null check (nickname <> 'forbidden')
);
create function public.welcome_member() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- An anonymous user gets no row of members.
  if new.is_anonymous then
    return new;
  end if;
  insert into public.members (id, email, nickname)
  values (new.id, new.email, coalesce(new.raw_user_meta_data ->> 'nickname', 'nobody'));
  return new;
end $$;
create trigger welcome_member after insert on auth.users
for each row execute function public.welcome_member();
