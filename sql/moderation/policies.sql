alter table public.user_strikes enable row level security;
grant select (
  id, user_id, order_id, reason, points, expires_at, created_at
) on public.user_strikes to authenticated;

create policy people_read_their_own_strikes on public.user_strikes
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
comment on policy people_read_their_own_strikes on public.user_strikes is 'Users read their own strikes; staff read all.';
