-- The only view with its owner's rights: it shows strangers four columns of a closed table.
create view public.public_profiles
with (security_barrier = true)
as
-- In the order that the contract gives.
select -- noqa: ST06
  id,
  display_name,
  kyc = 'passed' as kyc_passed,
  created_at as member_since
from public.users;
comment on view public.public_profiles is 'What everybody may know of everybody.';
grant select on public.public_profiles to anon, authenticated;
