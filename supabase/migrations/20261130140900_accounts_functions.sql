-- This migration makes sign-up, profiles, roles, staff rights, and the deletion of accounts work.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Accounts: views.

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

-- Accounts: functions.

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

create function private.delete_profile()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform from public.users where id = old.id for update;
  -- A verification outlives its user, until Stripe has confirmed the redaction.
  perform private.redact_person(old.id);
  delete from private.kyc_sessions where user_id = old.id and status = 'starting';
  -- The reconcile job removes the objects.
  delete from private.stored_files
  where owner_id = old.id and bucket_id in ('profile-avatars', 'address-proofs');
  delete from public.notifications where user_id = old.id;
  delete from private.request_receipts where caller_id = old.id;
  delete from private.rate_limits
  where key in (
    select action || ':' || old.id from jsonb_object_keys(private.setting('rate_limits')) as action
  );
  delete from public.users where id = old.id;
  return old;
exception
  -- Every table of the market refers to its people, so a row of history refuses the deletion.
  when foreign_key_violation then
    raise foreign_key_violation using
      message = 'User ' || old.id || ' has bids, listings, orders or messages and cannot be deleted',
      hint = 'Delete the user with should_soft_delete: it anonymises the profile and keeps the history.';
end;
$$;
comment on function private.delete_profile is 'Trigger on auth.users: delete the profile of a user without history; refuse one with bids, listings, orders or messages.';

create function private.follow_soft_delete()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.erase_personal_data(new.id, null);
  delete from private.account_deletions where user_id = new.id;
  return new;
end;
$$;
comment on function private.follow_soft_delete is 'Trigger on auth.users: anonymise the profile when Auth soft-deletes a user, even with a running auction or an unfinished order. This also ends a deletion that began in the market.';

create function private.check_deletion(p_user_id uuid, p_session_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_user public.users;
  v_session auth.sessions;
begin
  select * into v_user from public.users where id = p_user_id;
  if v_user.deleted_at is not null then
    -- The first call ended the sessions. A client that lost the answer repeats it with its old token.
    return jsonb_build_object('success', true);
  end if;
  select * into v_session from auth.sessions
  where id = p_session_id and user_id = p_user_id and (not_after is null or not_after > v_now);
  if v_user.id is null or v_session.id is null then
    return private.refusal('UNAUTHORIZED', 'No valid session found');
  elsif v_user.suspended_at is not null then
    return private.refusal('USER_SUSPENDED', 'Your account is suspended');
  -- Auth refreshes tokens without a new session, so created_at is the time of the sign-in.
  elsif v_session.created_at is null or v_session.created_at < v_now - interval '10 minutes' then
    return private.refusal('SESSION_TOO_OLD', 'Sign in again to delete your account');
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.check_deletion is 'Return success, or the refusal of a session that may not delete its account; see the public wrapper.';
grant execute on function private.check_deletion to service_role;

create function private.anonymise_account(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
begin
  -- Of two admins who leave at once, one has to stay.
  if exists (select from public.users where id = p_user_id and role = 'admin') then
    perform private.lock_admins();
  end if;
  -- The lock waits for bids, listings and orders under way that refer to the user. Those that come
  -- later wait for it, and find the account deleted.
  select * into v_user from public.users where id = p_user_id for update;
  if v_user.id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif v_user.deleted_at is not null then
    return jsonb_build_object('success', true);
  elsif private.has_open_business(p_user_id) or private.has_money_under_way(p_user_id) then
    return private.refusal(
      'ACCOUNT_BUSY',
      'The account still has a running auction, an unfinished order, an open dispute, '
      'or money on its way'
    );
  elsif private.is_last_admin(v_user) then
    return private.refusal(
      'ACCOUNT_BUSY', 'Make another user an admin first: you are the last one'
    );
  end if;
  perform private.erase_personal_data(p_user_id, p_user_id);
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.anonymise_account is 'Anonymise an account, or return the refusal: it has open business or money on its way, or it is the last admin''s. A repeat changes nothing and succeeds.';
grant execute on function private.anonymise_account to service_role;

create function private.has_open_business(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.auctions as a
    join public.listings as l on l.id = a.listing_id
    where l.seller_id = p_user_id and a.status in ('scheduled', 'live')
  ) or exists (
    select from public.auctions where high_bidder_id = p_user_id and status = 'live'
  ) or exists (
    select from public.orders
    where p_user_id in (buyer_id, seller_id) and private.is_order_open(orders)
  );
end;
$$;
comment on function private.has_open_business is 'Return true if a user sells or leads in a running auction, or has an unfinished order or an open dispute.';

create function private.has_money_under_way(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.refunds as r
    join public.orders as o on o.id = r.order_id
    where p_user_id in (o.buyer_id, o.seller_id) and r.status = 'pending'
  ) or exists (
    select from public.payouts where seller_id = p_user_id and status = 'queued'
  ) or exists (
    select from public.outbox
    where
      kind = 'transfer_reversal'
      and status in ('queued', 'leased')
      and payload ->> 'seller_id' = p_user_id::text
  ) or exists (
    -- A credit that is left on these accounts is money that we owe the user: a stray payment that
    -- was not returned, or a sale that was not paid out.
    select from public.ledger_entries as e
    join public.orders as o on o.id = e.order_id
    where
      o.buyer_id = p_user_id and e.account in ('buyer', 'refunds')
      or o.seller_id = p_user_id and e.account = 'seller_payable'
    group by e.order_id, e.currency
    having sum(e.amount_cents) < 0
  );
end;
$$;
comment on function private.has_money_under_way is 'Return true if a refund, payout or reversal of a user has not ended, or if the ledger still owes the user money.';

create function private.erase_personal_data(p_user_id uuid, p_actor_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  perform from public.users where id = p_user_id for update;
  v_now := private.clock();
  -- Stripe's ids stay: late refunds and disputes need them.
  update public.users
  set
    email = null,
    display_name = 'deleted-' || substr(md5(gen_random_uuid()::text), 1, 6),
    phone = null,
    legal_name = null,
    dob = null,
    address = null,
    address_normalized = null,
    address_verified = false,
    address_verified_at = null,
    address_verification_method = null,
    kyc_details = null,
    deleted_at = v_now
  where id = p_user_id and deleted_at is null;
  if found then
    insert into private.account_deletions (user_id, requested_at, checked_at)
    select id, v_now, v_now from auth.users where id = p_user_id and deleted_at is null;
    perform private.write_audit(
      p_actor_id, 'account_anonymised', 'users', p_user_id::text,
      'The personal data of the account were erased'
    );
  end if;
  perform private.erase_addresses(p_user_id);
  delete from auth.sessions where user_id = p_user_id;
  perform private.redact_person(p_user_id);
end;
$$;
comment on function private.erase_personal_data is 'Empty the personal columns of a profile, mark it deleted, end its sessions and queue the redaction of its verifications. Its user at Auth is deleted later. Bids, orders, messages and ledger stay. p_actor_id is the user who asked; null if Auth deleted the user first.';

create function private.claim_account_deletions(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids jsonb := '[]';
  v_deletion private.account_deletions;
begin
  for v_deletion in
    with due as (
      select user_id from private.account_deletions
      -- The service finishes most deletions itself, right after it has requested them.
      where checked_at <= v_now - interval '1 minute'
      order by checked_at
      limit p_max_rows
      for update skip locked
    )
    update private.account_deletions as deletion set checked_at = v_now
    from due
    where deletion.user_id = due.user_id
    returning deletion.*
  loop
    v_ids := v_ids || to_jsonb(v_deletion.user_id);
    if v_deletion.requested_at <= v_now - interval '1 hour' then
      perform private.raise_alerts(
        v_deletion.user_id::text, p_alerts => '{account_deletion_stuck}'
      );
    end if;
  end loop;
  return v_ids;
end;
$$;
comment on function private.claim_account_deletions is 'Claim deletions that are not finished; see the public wrapper.';
grant execute on function private.claim_account_deletions to service_role;

create function private.erase_addresses(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  -- Keep the street while an order is unfinished, because its buyer may still need it.
  update private.listing_private as secret
  set street = null, updated_at = v_now
  from public.listings as l
  where
    l.id = secret.listing_id
    and l.seller_id = p_user_id
    and secret.street is not null
    and not exists (
      select from public.orders as o
      where o.listing_id = l.id and o.state not in ('released', 'refunded', 'cancelled')
    );
  delete from private.order_addresses as kept
  using public.orders as o
  where
    o.id = kept.order_id
    and o.buyer_id = p_user_id
    and o.state in ('released', 'refunded', 'cancelled');
end;
$$;
comment on function private.erase_addresses is 'Delete the addresses of a user that no unfinished order needs: the streets of the user''s listings, and the copies of the profile''s address.';

-- Only staff may have these public names, because people would trust them.
create function private.claims_authority(p_name text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  v_office constant text := private.lookalike_pattern(array[
    'admin', 'admins', 'administration', 'administrator', 'administrators', 'customercare',
    'customerservice', 'customerservices', 'helpcenter', 'helpcentre', 'helpdesk', 'helpteam',
    'moderation', 'moderator', 'moderators', 'staff', 'support', 'trustandsafety', 'trustsafety'
  ]);
  -- These are names of things, too. So they count only in a name that says nothing else.
  v_thing constant text := private.lookalike_pattern(array['marketplace', 'mod', 'mods']);
  v_other constant text := private.lookalike_pattern(array[
    'account', 'accounts', 'agent', 'aus', 'aussie', 'australia', 'australian', 'billing', 'bot',
    'buyer', 'chat', 'chief', 'contact', 'customer', 'desk', 'dispute', 'disputes', 'fraud',
    'head', 'help', 'here', 'info', 'lead', 'live', 'manager', 'market', 'member', 'official',
    'online', 'only', 'order', 'orders', 'our', 'payment', 'payments', 'payout', 'payouts', 'real',
    'refund', 'refunds', 'security', 'seller', 'senior', 'service', 'services', 'site', 'sub',
    'super', 'system', 'team', 'tech', 'technical', 'the', 'user', 'verified', 'web', 'your'
  ]);
  -- Short words make other names if they are joined, such as Staffan and Moda.
  v_short constant text := private.lookalike_pattern(array[
    'a', 'an', 'and', 'au', 'for', 'from', 'hq', 'mr', 'ms', 'my', 'of', 'rep', 'x'
  ]);
  v_market constant text := private.lookalike_pattern(array[
    'aussiemarket', 'aussiesmarket', 'aussimarket', 'aussymarket', 'auzziemarket', 'ozziemarket',
    'ozzymarket'
  ]);
  v_beside constant text := format('(?:%s|%s)*', v_other, v_office);
  v_folded constant text := (private.fold_text(p_name)).folded;
begin
  return exists (
    with reading as (
      select string_to_array(
        btrim(regexp_replace(written.name, '[^a-z0-9$@!|]+', ' ', 'g')), ' '
      ) as words
      from (
        -- A digit or a sign stands for a letter, or beside a word.
        values
        (v_folded),
        (regexp_replace(v_folded, '\m[0-9]+|[0-9]+\M', '', 'g')),
        (translate(v_folded, '$@!|', '    ')),
        -- Letters that stand alone are one word.
        (regexp_replace(v_folded, '\m([a-z]) (?=[a-z]\M)', '\1', 'g'))
      ) as written (name)
    )

    select
    from reading
    where
      private.lookalike_form(array_to_string(reading.words, ' ')) ~ format(
        '^(?:(?:%1$s|%2$s+) )*%2$s*%3$s%2$s*(?: (?:%1$s|%2$s+))*$', v_short, v_other, v_thing
      )
      -- An office or the marketplace counts in any run of words.
      or exists (
        select
        from generate_subscripts(reading.words, 1) as first
        cross join lateral generate_series(first, cardinality(reading.words)) as last
        cross join lateral private.lookalike_form(
          array_to_string(reading.words[first:last], '')
        ) as claim
        where
          claim ~ format('^%s*%s', v_other, v_market)
          or claim ~ format('^%s%s%s$', v_beside, v_office, v_beside)
      )
  );
end;
$$;
comment on function private.claims_authority is 'Return true if a public name claims to be the marketplace, its support, staff, admins or moderators: in words that stand alone, joined or apart, and in signs that look alike.';

create function private.lookalike_pattern(p_words text[])
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select '(?:' || string_agg(private.lookalike_form(known.word), '|') || ')'
    from unnest(p_words) as known (word)
  );
end;
$$;
comment on function private.lookalike_pattern is 'Return a pattern that matches the look-alike form of each of these words.';

create function private.lookalike_form(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- "rn" looks like m, "vv" like w and "cl" like d. A letter may stand twice.
  return regexp_replace(
    translate(
      replace(replace(replace(p_text, 'rn', 'm'), 'vv', 'w'), 'cl', 'd'),
      '0134578lj|!$@', 'oieastbiiiisa'
    ),
    '(.)\1+', '\1', 'g'
  );
end;
$$;
comment on function private.lookalike_form is 'Return a folded text with one letter for all signs that look like it. Two texts that look alike have the same form.';

create function private.default_name()
returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
  return 'member-' || substr(md5(gen_random_uuid()::text), 1, 6);
end;
$$;
comment on function private.default_name is 'Return a name for a user who has given none that is allowed.';
-- A user may insert their own profile without a name. The default then runs with their rights.
grant execute on function private.default_name to authenticated;

alter table public.users alter column display_name set default private.default_name();

-- Accounts: RPCs.

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
comment on function public.session_is_live is 'Return the state of a verified JWT''s session. Answers is_live, is_suspended, role.';
grant execute on function public.session_is_live to service_role;

create function public.session_is_staff(user_id uuid, session_id uuid, aal text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.session_is_staff(
    session_is_staff.user_id, session_is_staff.session_id, session_is_staff.aal
  );
end;
$$;
comment on function public.session_is_staff is 'Return the state of a verified JWT''s session. Answers is_live, is_suspended, role, and is_staff: the user is a moderator or an admin, with a second factor where require_staff_aal2 is true. aal is the strength that the token names.';
grant execute on function public.session_is_staff to service_role;

create function public.anonymise_account(user_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.anonymise_account(anonymise_account.user_id);
end;
$$;
comment on function public.anonymise_account is 'Erase the personal data of an account and end its sessions; bids, orders, messages and ledger stay. Answers success. Refusals: PROFILE_NOT_FOUND, ACCOUNT_BUSY (running auction, unfinished order, open dispute, money on its way, or the last admin).';
grant execute on function public.anonymise_account to service_role;

create function public.check_deletion(user_id uuid, session_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.check_deletion(check_deletion.user_id, check_deletion.session_id);
end;
$$;
comment on function public.check_deletion is 'Check that the session of a verified JWT may delete its account: the user signed in at most 10 minutes ago. Answers success, also after an earlier deletion. Refusals: UNAUTHORIZED, USER_SUSPENDED, SESSION_TOO_OLD.';
grant execute on function public.check_deletion to service_role;

create function public.claim_account_deletions(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_account_deletions(claim_account_deletions.max_rows);
end;
$$;
comment on function public.claim_account_deletions is 'Claim anonymised accounts whose user at Auth must still be deleted. Answers their ids. An account is claimed at most once a minute; after an hour each claim raises account_deletion_stuck.';
grant execute on function public.claim_account_deletions to service_role;

create function public.staff_find_user(email text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.staff_find_user(staff_find_user.email);
end;
$$;
comment on function public.staff_find_user is 'Find the user of a whole e-mail address as staff, in any case: {success, user_id}. Refusal: PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_find_user to authenticated;

-- Accounts: grants and row level security.

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

-- Accounts: triggers.

create trigger follow_sign_up
after insert on auth.users
for each row execute function private.follow_sign_up();

create trigger follow_email
after update of email on auth.users
for each row when (old.email is distinct from new.email and new.deleted_at is null)
execute function private.follow_email();

create trigger follow_soft_delete
after update on auth.users
for each row when (old.deleted_at is null and new.deleted_at is not null)
execute function private.follow_soft_delete();

create trigger delete_profile
before delete on auth.users
for each row execute function private.delete_profile();

create trigger users_guard_profile
before insert or update on public.users
for each row execute function private.guard_profile();

create trigger users_stamp_updated_at
before update on public.users
for each row execute function private.stamp_updated_at();
