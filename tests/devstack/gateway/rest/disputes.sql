-- Disputes, as the web app's contract has them; the market does not have them yet.
create table public.disputes (
  id integer primary key,
  order_id bigint not null references public.orders,
  initiator_id uuid not null references public.users,
  respondent_id uuid not null references public.users,
  state text not null default 'open'
);
create table public.dispute_messages (
  id integer primary key,
  dispute_id integer not null references public.disputes,
  sender_id uuid not null references public.users,
  content text not null
);
create table public.dispute_evidence (
  id integer primary key,
  dispute_id integer not null references public.disputes,
  user_id uuid not null references public.users,
  title text not null
);
alter table public.disputes enable row level security;
create policy parties_read_disputes on public.disputes for select to authenticated
using ((select auth.uid()) in (initiator_id, respondent_id));
revoke all on public.disputes from anon;
insert into public.disputes values (
  1, 1, '00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-00000000000a'
);
insert into public.dispute_messages values
(1, 1, '00000000-0000-0000-0000-00000000000b', 'It squeaks'),
(2, 1, '00000000-0000-0000-0000-00000000000a', 'Oil it');
insert into public.dispute_evidence values
(1, 1, '00000000-0000-0000-0000-00000000000b', 'A recording');
