-- This is the only view with its owner's rights. It shows four columns of a closed table to
-- everybody.
create view public.public_profiles
with (security_barrier = true)
as
-- The contract fixes the order of the columns.
select -- noqa: ST06
  id,
  display_name,
  kyc = 'passed' and deleted_at is null as kyc_passed,
  created_at as member_since
from public.users;
comment on view public.public_profiles is 'The public part of every profile.';
grant select on public.public_profiles to anon, authenticated;
