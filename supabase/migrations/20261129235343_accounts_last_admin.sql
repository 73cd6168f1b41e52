set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.anonymise_account(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
  v_refusal jsonb;
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
  end if;
  v_refusal := private.role_refusal(v_user, 'buyer');
  if v_refusal is not null then
    return v_refusal;
  end if;
  perform private.erase_personal_data(p_user_id, p_user_id);
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.anonymise_account is 'Anonymise an account without open business and without money on its way, unless it is the last admin''s, or return the refusal. A repeat changes nothing and succeeds.';

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
  -- The lock lets the end of the account, by suspension or deletion, wait for the new listing, or
  -- the listing for the end.
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

comment on function public.anonymise_account is 'Erase the personal data of an account and end its sessions; bids, orders, messages and ledger stay. Answers success. Refusals: PROFILE_NOT_FOUND, ACCOUNT_BUSY (running auction, unfinished order, open dispute, or money on its way), LAST_ADMIN.';

alter policy recipients_mark_messages_read on public.messages
using (
  sender_id <> (select auth.uid())
  and delivery = 'delivered'
  and read_at is null
  -- The token of a deleted account stays valid until it expires.
  and (
    select deleted_at is null from public.users
    where id = (select auth.uid())
  )
  and (
    select true from public.message_threads
    where
      message_threads.id = messages.thread_id
      and (select auth.uid()) in (message_threads.buyer_id, message_threads.seller_id)
  )
)
with check (read_at is not null);

alter policy people_mark_their_own_notifications on public.notifications
using (
  user_id = (select auth.uid())
  -- The token of a deleted account stays valid until it expires.
  and (
    select deleted_at is null from public.users
    where id = (select auth.uid())
  )
)
with check (user_id = (select auth.uid()) and read);
