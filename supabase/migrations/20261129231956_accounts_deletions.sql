set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.erase_personal_data;

comment on table public.audit_logs is 'Actions of staff with their reasons, and acts of users that must be provable later. Rows are added and never changed.';

create table private.account_deletions (
  user_id uuid not null,
  requested_at timestamptz not null,
  checked_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint account_deletions_pkey primary key (user_id),
  constraint account_deletions_user_id_fkey foreign key (user_id)
  references public.users (id) on delete cascade
);

comment on table private.account_deletions is 'Anonymised accounts whose user at Auth still has to be deleted. A trigger removes the row when Auth has deleted the user.';

comment on column private.account_deletions.checked_at is 'The time at which a process last began to delete the user at Auth.';

create index account_deletions_checked_at_idx on private.account_deletions (checked_at);

create function private.list_notifications(
  p_user_id uuid, p_is_unread_only boolean, p_max_rows integer
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_rows jsonb;
begin
  if not exists (select from public.users where id = p_user_id and deleted_at is null) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  select coalesce(jsonb_agg(newest.row order by newest.created_at desc, newest.id desc), '[]')
  into v_rows
  from (
    select n.id, n.created_at, to_jsonb(n) - 'dedupe_key' as row
    from public.notifications as n
    where n.user_id = p_user_id and not (p_is_unread_only and n.read)
    order by n.created_at desc, n.id desc
    limit greatest(least(p_max_rows, 100), 1)
  ) as newest;
  return jsonb_build_object(
    'success', true,
    'notifications', v_rows,
    'unread_count',
    (select count(*) from public.notifications as n where n.user_id = p_user_id and not n.read)
  );
end;
$$;

comment on function private.list_notifications is 'Return the newest notifications of a user; see the public wrapper.';

grant execute on function private.list_notifications to service_role;

create function private.mark_notifications(p_user_id uuid, p_notification_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_owner_id uuid;
  v_count integer;
begin
  if not exists (select from public.users where id = p_user_id and deleted_at is null) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  if p_notification_id is not null then
    select user_id into v_owner_id from public.notifications where id = p_notification_id;
    if v_owner_id is null then
      return private.refusal('RESOURCE_NOT_FOUND', 'Notification not found');
    elsif v_owner_id <> p_user_id then
      return private.refusal('FORBIDDEN', 'This notification is not yours');
    end if;
  end if;
  update public.notifications
  set read = true
  where user_id = p_user_id and id = coalesce(p_notification_id, id) and not read;
  get diagnostics v_count = row_count;
  return jsonb_build_object('success', true, 'updated', v_count);
end;
$$;

comment on function private.mark_notifications is 'Mark one notification of a user as read, or all; see the public wrapper.';

grant execute on function private.mark_notifications to service_role;

create or replace function private.follow_soft_delete()
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

create or replace function private.anonymise_account(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
begin
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
  end if;
  perform private.erase_personal_data(p_user_id, p_user_id);
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.anonymise_account is 'Anonymise an account without open business and without money on its way, or return the refusal. A repeat changes nothing and succeeds.';

create or replace function private.has_open_business(p_user_id uuid)
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
    where
      p_user_id in (buyer_id, seller_id)
      and (state not in ('released', 'refunded', 'cancelled') or refund_pending)
  ) or exists (
    -- These are disputes that a party opened here, and those of Stripe.
    select from public.disputes
    where p_user_id in (initiator_id, respondent_id) and private.is_dispute_open(status)
  );
end;
$$;

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
    update private.account_deletions as deletion set checked_at = v_now
    from (
      select user_id from private.account_deletions
      -- The service finishes most deletions itself, right after it has requested them.
      where checked_at <= v_now - interval '1 minute'
      order by checked_at
      limit p_max_rows
      for update skip locked
    ) as due
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

create function private.find_auction(p_listing_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_auction_id uuid;
begin
  select id into v_auction_id from public.auctions where listing_id = p_listing_id;
  if v_auction_id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  return jsonb_build_object('success', true, 'auction_id', v_auction_id);
end;
$$;

comment on function private.find_auction is 'Return the auction of a listing, or the refusal; see the public wrapper.';

grant execute on function private.find_auction to service_role;

create or replace function private.place_bid(
  p_auction_id uuid, p_amount_cents bigint, p_max_cents bigint, p_client_bid_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- Each lock has its own time limit, so that the caller still waits when the answer comes. The value
-- set here or below ends with the function.
set lock_timeout = '200ms'
as $$
declare
  v_bidder_id constant uuid := auth.uid();
  v_standing private.standing;
  v_lock text;
  v_now timestamptz;
  v_answer jsonb;
begin
  -- Look for a receipt before any check: a repeated call gets it, even if the auction has ended
  -- since.
  v_answer := coalesce(
    private.stored_receipt(v_bidder_id, p_client_bid_id, p_auction_id),
    private.use_rate_limit('place_bid')
  );
  if v_answer is not null then
    return v_answer;
  end if;

  -- Bidders queue on the advisory lock, because waiting for it costs less than for the row. These
  -- are assignments, because `perform` would start the executor for each.
  v_lock := set_config('lock_timeout', '900ms', true);
  v_lock := pg_advisory_xact_lock(hashtextextended(p_auction_id::text, 0));
  v_lock := set_config('lock_timeout', '200ms', true);
  -- The lock of the bidder lets a suspension wait for this bid, or this bid for the suspension.
  perform from public.auctions as a cross join public.users as u
  where a.id = p_auction_id and u.id = v_bidder_id
  for no key update of a
  for key share of u;
  -- Read the clock after the locks: a bid that waited for them past the end is too late.
  v_now := private.clock();
  -- Use a separate statement, because a statement that waits for a row reads other tables as they
  -- were before the wait. It would miss a withdrawal that held the lock.
  select
    a.id, a.listing_id, a.status, a.start_at, a.end_at, a.scheduled_end_at, a.current_price_cents,
    a.min_next_bid_cents, a.high_bid_id, a.high_bidder_id, a.bid_count, a.reserve_met, a.version,
    l.seller_id, l.title, seller.suspended_at is not null or seller.deleted_at is not null,
    secret.reserve_cents, leader.max_cents,
    (select max(b.seq) from public.bids as b where b.auction_id = a.id),
    u.id, u.kyc, u.suspended_at is not null,
    exists (
      select from private.bid_withdrawals as w
      where w.auction_id = a.id and w.bidder_id = v_bidder_id
    ),
    exists (select from public.user_strikes as s where s.user_id = v_bidder_id),
    (
      select jsonb_object_agg(s.key, s.value) from private.app_settings as s
      where s.key in (
        'bid_increments', 'snipe_window_s', 'snipe_extend_s', 'snipe_max_total_s',
        'strike_block_threshold'
      )
    ),
    leader.bidder_number, null, log.bidder_count, log.seq, log.hash, log.rules_hash
  into v_standing
  from public.auctions as a
  join public.listings as l on l.id = a.listing_id
  join public.users as seller on seller.id = l.seller_id
  left join private.listing_private as secret on secret.listing_id = a.listing_id
  left join private.proxy_bids as leader
    on leader.auction_id = a.id and leader.bidder_id = a.high_bidder_id
  left join lateral (
    select b.seq, b.hash, b.bidder_count, b.rules_hash from private.bid_log as b
    where b.auction_id = a.id order by b.seq desc limit 1
  ) as log on true
  left join public.users as u on u.id = v_bidder_id and u.deleted_at is null
  where a.id = p_auction_id;

  v_answer := private.bid_refusal(v_standing, p_amount_cents, p_max_cents, v_now);
  if v_answer is not null then
    return v_answer;
  end if;
  if v_standing.log_rules_hash is distinct from jsonb_hash_extended(v_standing.rules, 0) then
    v_standing := private.continued_standing(v_standing, v_now);
  end if;
  if v_standing.leader_id = v_bidder_id then
    v_answer := private.raise_maximum(v_standing, p_amount_cents, p_max_cents, v_now);
  else
    v_answer := private.record_bid(v_standing, p_amount_cents, p_max_cents, v_now);
  end if;
  if p_client_bid_id is not null then
    insert into private.bid_receipts (bidder_id, client_bid_id, auction_id, receipt)
    values (v_bidder_id, p_client_bid_id, p_auction_id, v_answer);
  end if;
  return v_answer;
exception
  -- This undoes everything in the block, the use of the rate limit too. The block spans locks and
  -- writes on purpose: a row locked in a block and changed after it needs a multixact, which halves
  -- the throughput of 96 bidders.
  when lock_not_available then
    return private.refusal('AUCTION_BUSY', 'Please try again in a moment');
end;
$$;

create or replace function private.offer(
  p_listing public.listings, p_start_at timestamptz, p_end_at timestamptz, p_reserve_cents bigint,
  p_street text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_listing public.listings := p_listing;
  v_seller public.users;
  v_now timestamptz;
  v_refusal jsonb;
  v_auction_id uuid;
begin
  -- The lock lets a suspension wait for the new listing, or the listing for the suspension.
  select * into v_seller from public.users where id = v_listing.seller_id for key share;
  v_now := private.clock();
  v_listing.start_at := greatest(p_start_at, v_now);
  v_listing.end_at := coalesce(
    p_end_at,
    v_listing.start_at + private.setting('listing_default_days')::integer * interval '24 hours'
  );
  v_refusal := coalesce(
    private.seller_refusal(v_seller),
    private.listing_refusal(v_listing, p_reserve_cents, p_street, v_now),
    private.contact_text_refusal(v_listing.title, v_listing.description)
  );
  -- Count the call last, so that the seller may try again after a mistake.
  v_refusal := coalesce(v_refusal, private.use_rate_limit('create_listing'));
  if v_refusal is not null then
    return v_refusal;
  end if;

  v_listing.id := gen_random_uuid();
  v_listing.status := case when v_listing.start_at > v_now then 'scheduled' else 'live' end;
  v_listing.bid_count := 0;
  v_listing.created_at := v_now;
  v_listing.updated_at := v_now;
  insert into public.listings select v_listing.*;
  insert into private.listing_private (listing_id, reserve_cents, street)
  values (v_listing.id, p_reserve_cents, p_street);
  v_auction_id := private.open_auction(v_listing, p_reserve_cents is null, v_now);
  return jsonb_build_object(
    'success', true, 'listing', to_jsonb(v_listing), 'auction_id', v_auction_id
  );
end;
$$;

comment on function public.anonymise_account is 'Erase the personal data of an account and end its sessions; bids, orders, messages and ledger stay. Answers success. Refusals: PROFILE_NOT_FOUND, ACCOUNT_BUSY (running auction, unfinished order, open dispute, or money on its way).';

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

create function public.find_auction(listing_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.find_auction(find_auction.listing_id);
end;
$$;

comment on function public.find_auction is 'Return the auction of a listing. Answers success, auction_id. Refusal: LISTING_NOT_FOUND.';

grant execute on function public.find_auction to service_role;

create function public.list_notifications(
  user_id uuid, is_unread_only boolean default false, max_rows integer default 50
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_notifications(
    list_notifications.user_id, list_notifications.is_unread_only, list_notifications.max_rows
  );
end;
$$;

comment on function public.list_notifications is 'Return the newest notifications of a user, at most 100. Answers success, notifications, unread_count (of all unread ones, also beyond the list). Refusal: PROFILE_NOT_FOUND.';

grant execute on function public.list_notifications to service_role;

create function public.mark_notifications(user_id uuid, notification_id uuid default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_notifications(
    mark_notifications.user_id, mark_notifications.notification_id
  );
end;
$$;

comment on function public.mark_notifications is 'Mark one notification of a user as read, or all of them where notification_id is null. Answers success, updated (the number that was unread). Refusals: PROFILE_NOT_FOUND, RESOURCE_NOT_FOUND, FORBIDDEN.';

grant execute on function public.mark_notifications to service_role;

alter table private.account_deletions enable row level security;
