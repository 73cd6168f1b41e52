set lock_timeout = '2s';
set statement_timeout = '30s';

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

create function private.is_staff()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.has_role('{admin,moderator}');
end;
$$;
comment on function private.is_staff is 'Whether the caller is an admin or a moderator, and proved it by a second factor where the setting asks for that.';
grant execute on function private.is_staff to authenticated;

create function private.is_admin()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.has_role('{admin}');
end;
$$;
comment on function private.is_admin is 'As is_staff, for admins alone.';
grant execute on function private.is_admin to authenticated;

create function private.has_role(p_roles public.user_role[])
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  -- Metadata and the role claim of a token prove nothing; the row of our own table does.
  return exists (
    select from public.users
    where
      id = auth.uid()
      and role = any(p_roles)
      and suspended_at is null
      and deleted_at is null
  ) and (
    coalesce(auth.jwt() ->> 'aal' = 'aal2', false)
    or not private.setting('require_staff_aal2')::boolean
  );
end;
$$;
comment on function private.has_role is 'Whether the caller''s own row has one of these roles, and the session is as strong as staff''s must be.';

create function private.session_is_live(p_user_id uuid, p_session_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_user public.users;
begin
  select * into v_user from public.users where id = p_user_id;
  return jsonb_build_object(
    'is_live', v_user.id is not null and v_user.deleted_at is null and exists (
      select from auth.sessions
      where
        id = p_session_id
        and user_id = p_user_id
        and (not_after is null or not_after > v_now)
    ),
    'is_suspended', coalesce(v_user.suspended_at is not null, false),
    'role', v_user.role
  );
end;
$$;
comment on function private.session_is_live is 'Whether a session was neither ended nor signed out; a JWT alone stays valid until it expires.';
grant execute on function private.session_is_live to service_role;

create function private.is_display_name(p_name text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- Neither control nor format characters nor blanks that pass for letters: what cannot be seen
  -- makes two names look the same. The space alone may stand between two words.
  return coalesce(
    char_length(p_name) between 3 and 40
    and p_name = btrim(p_name)
    and p_name !~ '[[:cntrl:]\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f]'
    and p_name !~ '[\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]'
    and p_name !~ '[\U000e0000-\U000e0fff]',
    false
  );
end;
$$;
comment on function private.is_display_name is 'Whether a name may be shown to everybody: 3 to 40 characters, each of which can be seen.';
-- The guard of users runs with the rights of whoever edits their profile.
grant execute on function private.is_display_name to authenticated;

create function private.follow_sign_up()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user constant public.users := private.profile_from_sign_up(
    new.id, new.email, coalesce(new.raw_user_meta_data, '{}')
  );
begin
  insert into public.users (id, email, display_name, phone, legal_name, dob, address)
  values (
    v_user.id, v_user.email, v_user.display_name, v_user.phone, v_user.legal_name, v_user.dob,
    v_user.address
  );
  return new;
end;
$$;
comment on function private.follow_sign_up is 'Trigger on auth.users: whoever signs up has a profile.';

create function private.profile_from_sign_up(p_id uuid, p_email text, p_metadata jsonb)
returns public.users
language plpgsql
set search_path = ''
as $$
declare
  v_user public.users;
begin
  -- The metadata is the caller's to write: each field counts if it is what it should be, and
  -- none keeps anybody from signing up.
  v_user.id := p_id;
  v_user.email := private.free_email(p_email, p_id);
  v_user.display_name := btrim(p_metadata ->> 'display_name');
  if not private.is_display_name(v_user.display_name) then
    v_user.display_name := 'member-' || substr(md5(gen_random_uuid()::text), 1, 6);
  end if;
  v_user.phone := left(nullif(btrim(p_metadata ->> 'phone'), ''), 32);
  v_user.legal_name := left(nullif(btrim(p_metadata ->> 'legal_name'), ''), 200);
  v_user.dob := private.date_or_null(p_metadata ->> 'dob');
  v_user.address := private.address_or_null(p_metadata -> 'address');
  return v_user;
end;
$$;
comment on function private.profile_from_sign_up is 'The profile that fits what somebody gave when they signed up; what does not fit is left out.';

create function private.free_email(p_email text, p_user_id uuid)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  -- Auth lets a single sign-on share an address with a password; with us one of them has it.
  return (
    select nullif(p_email, '')
    where not exists (
      select from public.users where lower(email) = lower(p_email) and id <> p_user_id
    )
  );
end;
$$;
comment on function private.free_email is 'An address as Auth has it, or null when there is none or it is somebody else''s.';

create function private.date_or_null(p_text text)
returns date
language plpgsql
stable
set search_path = ''
as $$
begin
  return case when p_text ~ '^\d{4}-\d\d-\d\d$' then p_text::date end;
exception
  when datetime_field_overflow then
    return null;
end;
$$;
comment on function private.date_or_null is 'A date spelled YYYY-MM-DD, or null for anything else.';

create function private.address_or_null(p_address jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_address jsonb;
begin
  select jsonb_object_agg(part.name, left(p_address ->> part.name, 120)) into v_address
  from unnest(array['street', 'suburb', 'postcode', 'state']) as part (name)
  where jsonb_typeof(p_address -> part.name) = 'string';
  -- As JSON a quote counts two and a control character six, and the table has room for a thousand.
  return case when char_length(v_address::text) <= 1000 then v_address end;
end;
$$;
comment on function private.address_or_null is 'The four parts of an address that are texts, or null when there are none or they are too long.';

create function private.follow_email()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- When an account is deleted Auth writes a placeholder over the address; ours stays empty.
  update public.users set email = private.free_email(new.email, new.id)
  where id = new.id and deleted_at is null;
  return new;
end;
$$;
comment on function private.follow_email is 'Trigger on auth.users: a changed address is changed here too.';

create function private.guard_profile()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- Our own functions run as the owner; what they do, they check.
  if current_user not in ('anon', 'authenticated') then
    return new;
  end if;
  if not private.is_display_name(new.display_name) then
    raise check_violation using
      message = 'Display name must be 3 to 40 visible characters',
      constraint = 'users_display_name_is_visible';
  end if;
  if tg_op = 'UPDATE' then
    return private.guarded_update(old, new);
  end if;
  -- Auth has proved the token's address to be theirs, and any other may be somebody else's.
  new.email := auth.jwt() ->> 'email';
  new.role := 'buyer';
  new.kyc := 'none';
  new.kyc_details := null;
  new.kyc_completed_at := null;
  new.suspended_at := null;
  new.deleted_at := null;
  new.stripe_customer_id := null;
  new.stripe_connect_account_id := null;
  new.stripe_identity_session_id := null;
  new.payouts_enabled := false;
  new.address_verified := false;
  new.address_verified_at := null;
  new.address_verification_method := null;
  new.address_normalized := null;
  return new;
end;
$$;
comment on function private.guard_profile is 'Trigger: a person who writes their own row starts as a buyer whom nobody has verified, and cannot change what was verified.';

create function private.guarded_update(p_old public.users, p_new public.users)
returns public.users
language plpgsql
immutable
set search_path = ''
as $$
begin
  if
    p_old.kyc = 'passed'
    and (p_new.legal_name, p_new.dob) is distinct from (p_old.legal_name, p_old.dob)
  then
    raise check_violation using
      message = 'Name and date of birth are verified and cannot change',
      constraint = 'users_verified_identity_is_fixed';
  end if;
  if p_new.address is distinct from p_old.address then
    p_new.address_verified := false;
    p_new.address_verified_at := null;
    p_new.address_verification_method := null;
    p_new.address_normalized := null;
  end if;
  return p_new;
end;
$$;
comment on function private.guarded_update is 'What becomes of a person''s change of their own row.';
grant execute on function private.guarded_update to authenticated;

create function public.session_is_live(user_id uuid, session_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.session_is_live(session_is_live.user_id, session_is_live.session_id);
end;
$$;
comment on function public.session_is_live is 'What a verified JWT cannot say of itself. Answers is_live, is_suspended, role.';
grant execute on function public.session_is_live to service_role;

alter table public.users enable row level security;
-- Without a policy anon reads no row, and so an embed of a stranger is null instead of an error.
grant select (
  id, email, display_name, phone, legal_name, dob, address, role, kyc, kyc_details,
  kyc_completed_at, suspended_at, stripe_customer_id, stripe_connect_account_id,
  payouts_enabled, stripe_identity_session_id, deleted_at, address_verified,
  address_verified_at, address_verification_method, address_normalized, created_at, updated_at
) on public.users to anon, authenticated;
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

create trigger follow_sign_up
after insert on auth.users
for each row execute function private.follow_sign_up();

create trigger follow_email
after update of email on auth.users
for each row when (old.email is distinct from new.email)
execute function private.follow_email();

create trigger users_guard_profile
before insert or update on public.users
for each row execute function private.guard_profile();

create trigger users_stamp_updated_at
before update on public.users
for each row execute function private.stamp_updated_at();
