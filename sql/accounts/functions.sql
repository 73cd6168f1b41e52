create function private.is_staff()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.has_staff_rights(auth.uid(), auth.jwt() ->> 'aal');
end;
$$;
comment on function private.is_staff is 'Return true if the caller is an admin or a moderator, with a second factor where require_staff_aal2 is true.';
grant execute on function private.is_staff to authenticated;

create function private.is_admin()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.holds_role(auth.uid(), auth.jwt() ->> 'aal', '{admin}');
end;
$$;
comment on function private.is_admin is 'Return true if is_staff holds and the caller is an admin.';
grant execute on function private.is_admin to authenticated;

create function private.has_staff_rights(p_user_id uuid, p_aal text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.holds_role(p_user_id, p_aal, '{admin,moderator}');
end;
$$;
comment on function private.has_staff_rights is 'Return true if a session of this user has the rights of staff. Nothing else decides that. p_aal is the strength that the token of the session names.';

create function private.holds_role(p_user_id uuid, p_aal text, p_roles public.user_role[])
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  -- Users can influence a token's metadata and claims. Only the row of our own table counts.
  return exists (
    select from public.users
    where
      id = p_user_id
      and role = any(p_roles)
      and suspended_at is null
      and deleted_at is null
  ) and (
    coalesce(p_aal = 'aal2', false)
    or not private.setting('require_staff_aal2')::boolean
  );
end;
$$;
comment on function private.holds_role is 'Return true if the row of this user has one of these roles, and the session is strong enough for staff. p_aal is the strength that the token of the session names.';

create function private.is_deleted_account(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (select from public.users where id = p_user_id and deleted_at is not null);
end;
$$;
comment on function private.is_deleted_account is 'Return true if the account was deleted. Its JWTs stay valid until they expire.';

create function private.account_refusal(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_user public.users;
begin
  select * into v_user from public.users where id = p_user_id and deleted_at is null;
  if v_user.id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif v_user.suspended_at is not null then
    return private.refusal('USER_SUSPENDED', 'Your account is suspended');
  end if;
  return null;
end;
$$;
comment on function private.account_refusal is 'Return the refusal of a user who has no account, or whose account was deleted or suspended. Otherwise return null.';

create function private.require_account()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if private.is_deleted_account(auth.uid()) then
    raise sqlstate 'PT403' using message = 'PROFILE_NOT_FOUND';
  end if;
end;
$$;
comment on function private.require_account is 'Raise PROFILE_NOT_FOUND if the caller''s account was deleted. Functions whose answer has no form for a refusal call this.';

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
comment on function private.session_is_live is 'Return is_live, true while a session still runs, is_suspended and role. A JWT alone stays valid until it expires, also after a sign-out.';
grant execute on function private.session_is_live to service_role;

create function private.session_is_staff(p_user_id uuid, p_session_id uuid, p_aal text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.session_is_live(p_user_id, p_session_id) || jsonb_build_object(
    'is_staff', private.has_staff_rights(p_user_id, p_aal)
  );
end;
$$;
comment on function private.session_is_staff is 'Return the answer of session_is_live and is_staff; see the public wrapper.';
grant execute on function private.session_is_staff to service_role;

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
comment on function private.follow_sign_up is 'Trigger on auth.users: create the profile of a new user.';

create function private.profile_from_sign_up(p_id uuid, p_email text, p_metadata jsonb)
returns public.users
language plpgsql
set search_path = ''
as $$
declare
  v_user public.users;
begin
  -- The user writes the metadata. A field that does not fit is left out, and no sign-up fails.
  v_user.id := p_id;
  v_user.email := private.free_email(p_email, p_id);
  if jsonb_typeof(p_metadata -> 'display_name') = 'string' then
    v_user.display_name := btrim(left(p_metadata ->> 'display_name', 80));
  end if;
  if
    private.display_name_refusal(v_user.display_name) is not null
    or private.claims_authority(v_user.display_name)
  then
    v_user.display_name := private.default_name();
  end if;
  if jsonb_typeof(p_metadata -> 'phone') in ('string', 'number') then
    v_user.phone := private.line_or_null(p_metadata ->> 'phone', 32);
  end if;
  if jsonb_typeof(p_metadata -> 'legal_name') = 'string' then
    v_user.legal_name := private.line_or_null(p_metadata ->> 'legal_name', 200);
  end if;
  v_user.dob := private.date_or_null(p_metadata ->> 'dob');
  if not private.is_birth_date(v_user.dob) then
    v_user.dob := null;
  end if;
  v_user.address := private.address_or_null(p_metadata -> 'address');
  return v_user;
end;
$$;
comment on function private.profile_from_sign_up is 'Build a profile from the metadata of a sign-up. A field that breaks a rule is left out.';

create function private.line_or_null(p_text text, p_max_chars integer)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_line constant text := private.plain_line(p_text, p_max_chars);
begin
  return case
    when char_length(v_line) <= p_max_chars and private.visible_length(v_line) > 0 then v_line
  end;
end;
$$;
comment on function private.line_or_null is 'Return a cleaned line, or null if it is empty or too long.';

create function private.free_email(p_email text, p_user_id uuid)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  -- In Auth a single sign-on may share an address with a password. Here the first user keeps it.
  return (
    select nullif(p_email, '')
    where not exists (
      select from public.users where lower(email) = lower(p_email) and id <> p_user_id
    )
  );
end;
$$;
comment on function private.free_email is 'Return the address from Auth, or null if it is empty or another user has it.';

create function private.date_or_null(p_text text)
returns date
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_text collate "C" ~ '^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}$' then p_text::date
  end;
exception
  when datetime_field_overflow then
    return null;
end;
$$;
comment on function private.date_or_null is 'Return the date that a text YYYY-MM-DD names, from 1900 on, or null.';

create function private.address_or_null(p_address jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_address jsonb;
begin
  if pg_column_size(p_address) > 16 * 1024 then
    return null;
  end if;
  select
    jsonb_object_agg(part.name, private.line_or_null(p_address ->> part.name, 120)) into v_address
  from unnest(array['street', 'suburb', 'postcode', 'state']) as part (name)
  where
    jsonb_typeof(p_address -> part.name) = 'string'
    and private.line_or_null(p_address ->> part.name, 120) is not null;
  return case
    when
      -- A quote takes two characters in JSON, and the column holds a thousand.
      char_length(v_address::text) <= 1000
      -- The seller of a paid order reads the address.
      and private.payment_span(
        concat_ws(E'\n', v_address ->> 'street', v_address ->> 'suburb')
      ) is null
      then v_address
  end;
end;
$$;
comment on function private.address_or_null is 'Return the four parts of an address that are texts, each cleaned, or null if there is none, they are too long or they hold payment details.';

create function private.staff_find_user(p_email text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid;
begin
  perform private.refuse_unless_staff();
  v_user_id := (select id from public.users where lower(email) = lower(p_email));
  if v_user_id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  return jsonb_build_object('success', true, 'user_id', v_user_id);
end;
$$;
comment on function private.staff_find_user is 'Find the user of an e-mail address for staff; see the public wrapper.';
grant execute on function private.staff_find_user to authenticated;

create function private.follow_email()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- Auth hashes the address of a deleted user. That placeholder must not come back here.
  update public.users set email = private.free_email(new.email, new.id)
  where id = new.id and deleted_at is null;
  return new;
end;
$$;
comment on function private.follow_email is 'Trigger on auth.users: copy a changed address to the profile.';

create function private.guard_profile()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- Our own functions run as the owner and check what they write, so the guard skips them.
  if current_user not in ('anon', 'authenticated') then
    return new;
  end if;
  new := private.checked_profile(case when tg_op = 'UPDATE' then old end, new);
  if tg_op = 'UPDATE' then
    return private.guarded_update(old, new);
  end if;
  return private.guarded_insert(new);
end;
$$;
comment on function private.guard_profile is 'Trigger: check and clean a profile that the user writes. A new profile is that of an unverified buyer, and verified fields stay.';

create function private.checked_profile(p_old public.users, p_new public.users)
returns public.users
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_new public.users := p_new;
  v_refusal text;
  v_code text := 'VALIDATION_ERROR';
begin
  if v_new.display_name is distinct from p_old.display_name then
    v_refusal := private.display_name_refusal(v_new.display_name);
    if
      v_refusal is null
      and coalesce(p_old.role not in ('moderator', 'admin'), true)
      and private.claims_authority(v_new.display_name)
    then
      v_refusal := 'Display name must not claim to be the marketplace or its staff';
      v_code := 'NAME_RESERVED';
    end if;
  end if;
  v_new.legal_name := private.line_or_null(p_new.legal_name, 200);
  v_new.phone := private.line_or_null(p_new.phone, 32);
  -- An address from before the filter must not block changes of other fields.
  if p_new.address is distinct from p_old.address then
    v_new.address := private.address_or_null(p_new.address);
  end if;
  v_refusal := coalesce(v_refusal, case
    when v_new.legal_name is null and p_new.legal_name <> ''
      then 'Legal name must have at most 200 characters'
    when v_new.phone is null and p_new.phone <> '' then 'Phone must have at most 32 characters'
    when not private.is_birth_date(v_new.dob)
      then 'Date of birth must be at least ten years ago, from 1900 on'
    when
      p_new.address <> '{}'
      and (
        jsonb_typeof(p_new.address) <> 'object'
        or v_new.address is null
        or p_new.address - array['street', 'suburb', 'postcode', 'state'] <> '{}'
      )
      then 'Address must be street, suburb, postcode and state, each a short text, '
        'without payment details'
  end);
  if v_refusal is not null then
    raise check_violation using
      message = v_refusal,
      detail = v_code,
      constraint = 'users_profile_is_checked';
  end if;
  return v_new;
end;
$$;
comment on function private.checked_profile is 'Return a profile with cleaned texts. Raises check_violation for a name, date or text that breaks a rule.';
grant execute on function private.checked_profile to authenticated;

create function private.is_birth_date(p_date date)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  -- Nobody trades before the age of ten. The rule also refuses words such as "yesterday", which
  -- Postgres reads as dates.
  return p_date between '1900-01-01' and private.today() - 3653;
end;
$$;
comment on function private.is_birth_date is 'Return true if a person of that birth date may trade; null for no date.';

create function private.today()
returns date
language plpgsql
stable
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return (v_now at time zone 'UTC')::date;
end;
$$;
comment on function private.today is 'Return the date in UTC, whatever the session''s time zone is.';

create function private.guarded_insert(p_new public.users)
returns public.users
language plpgsql
stable
set search_path = ''
as $$
declare
  v_new public.users := p_new;
begin
  -- Auth has verified the token's address. Another one may belong to another user.
  v_new.email := auth.jwt() ->> 'email';
  v_new.role := 'buyer';
  v_new.kyc := 'none';
  v_new.kyc_details := null;
  v_new.kyc_completed_at := null;
  v_new.suspended_at := null;
  v_new.deleted_at := null;
  v_new.stripe_customer_id := null;
  v_new.stripe_connect_account_id := null;
  v_new.stripe_identity_session_id := null;
  v_new.payouts_enabled := false;
  v_new.address_verified := false;
  v_new.address_verified_at := null;
  v_new.address_verification_method := null;
  v_new.address_normalized := null;
  return v_new;
end;
$$;
comment on function private.guarded_insert is 'Return a person''s new row as that of an unverified buyer.';
grant execute on function private.guarded_insert to authenticated;

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
comment on function private.guarded_update is 'Return a person''s change of their own row. A new address is unverified; a verified name and birth date cannot change.';
grant execute on function private.guarded_update to authenticated;
