alter table public.user_strikes enable row level security;
grant select (
  id, user_id, order_id, reason, points, expires_at, created_at
) on public.user_strikes to authenticated;

create policy people_read_their_own_strikes on public.user_strikes
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
comment on policy people_read_their_own_strikes on public.user_strikes is 'Users read their own strikes; staff read all.';

alter table public.content_reports enable row level security;
grant select (
  id, reporter_id, listing_id, message_id, user_id, reason, status, decided_by, decided_at,
  created_at, updated_at
) on public.content_reports to authenticated;

create policy people_read_their_own_reports on public.content_reports
for select to authenticated
using (
  reporter_id = (select auth.uid())
  or (
    (select private.is_staff())
    and private.owner_of_target(content_reports) is distinct from (select auth.uid())
  )
);
comment on policy people_read_their_own_reports on public.content_reports is 'Users read the reports that they wrote; staff read all others. A reported user, also one on the staff, learns nothing.';
