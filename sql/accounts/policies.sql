alter table public.users enable row level security;
-- Without a policy anon reads no row, so an embed of another user is null and no error.
grant select (
  id, email, display_name, phone, legal_name, dob, address, role, kyc, kyc_details,
  kyc_completed_at, suspended_at, stripe_customer_id, stripe_connect_account_id,
  payouts_enabled, stripe_identity_session_id, deleted_at, address_verified,
  address_verified_at, address_verification_method, address_normalized, created_at, updated_at
) on public.users to anon, authenticated;
-- Grant insert on every column: the register page sends columns that the guard overwrites.
grant insert on public.users to authenticated;
grant update (display_name, legal_name, phone, dob, address) on public.users to authenticated;

create policy people_read_their_own_row on public.users
for select to authenticated
using (id = (select auth.uid()) or (select private.is_staff()));
comment on policy people_read_their_own_row on public.users is 'Only the person and staff may see contact details, verification and suspension.';

create policy people_add_their_own_row on public.users
for insert to authenticated
with check (id = (select auth.uid()));
comment on policy people_add_their_own_row on public.users is 'Normally the sign-up has created the row, and the register page expects the duplicate error.';

create policy people_change_their_own_row on public.users
for update to authenticated
using (id = (select auth.uid()) and deleted_at is null and suspended_at is null)
with check (id = (select auth.uid()));
comment on policy people_change_their_own_row on public.users is 'Column grants name the fields that a person may change, and the guard trigger checks the values. Others see the name, and staff decide by the rest, so a suspended user changes nothing.';

alter table private.account_deletions enable row level security;
