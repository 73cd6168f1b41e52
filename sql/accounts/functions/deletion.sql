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
