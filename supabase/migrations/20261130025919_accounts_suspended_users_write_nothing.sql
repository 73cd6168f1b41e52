set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.seller_refusal;

create or replace function private.photo_refusal(p_user_id uuid, p_listing public.listings)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_listing.id is null or p_listing.status = 'cancelled' and p_listing.seller_id <> p_user_id
  then
    return private.refusal('RESOURCE_NOT_FOUND', 'Listing not found');
  elsif p_listing.seller_id <> p_user_id then
    return private.refusal('FORBIDDEN', 'Only the seller changes the photos of a listing');
  elsif p_listing.status not in ('scheduled', 'live') then
    return private.refusal('CONFLICT', 'This listing is over');
  end if;
  return null;
end;
$$;

create or replace function private.remove_photo(
  p_user_id uuid, p_path text, p_photo_id uuid, p_listing_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_listing public.listings;
  v_photo public.listing_photos;
  v_refusal jsonb;
begin
  select photo.* into v_photo
  from public.listing_photos as photo
  join public.listings as listing on listing.id = photo.listing_id
  where
    photo.path = p_path
    and photo.id = coalesce(p_photo_id, photo.id)
    and photo.listing_id = coalesce(p_listing_id, photo.listing_id)
    and (listing.status <> 'cancelled' or listing.seller_id = p_user_id);
  if v_photo.id is null then
    return null;
  end if;
  select * into v_listing from public.listings where id = v_photo.listing_id for no key update;
  v_refusal := private.photo_refusal(p_user_id, v_listing);
  if v_refusal is null and v_listing.bid_count > 0 then
    v_refusal := private.refusal('CONFLICT', 'A listing with bids keeps its photos');
  end if;
  if v_refusal is null then
    delete from public.listing_photos where id = v_photo.id;
  end if;
  return coalesce(v_refusal, jsonb_build_object('success', true));
end;
$$;

comment on function private.remove_photo is 'Remove a photo of a listing without bids, as its seller, or return the refusal. Return null if no photo that the user may see has this path.';

create or replace function private.find_auction(p_listing_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_auction_id uuid;
begin
  select id into v_auction_id from public.auctions
  where listing_id = p_listing_id and status <> 'cancelled';
  if v_auction_id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  return jsonb_build_object('success', true, 'auction_id', v_auction_id);
end;
$$;

create or replace function private.dispute_writer_refusal(
  p_dispute public.disputes, p_is_internal boolean
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_party constant boolean := coalesce(
    auth.uid() in (p_dispute.initiator_id, p_dispute.respondent_id), false
  );
begin
  if p_dispute.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Dispute not found');
  elsif private.is_staff() and not v_is_party then
    return null;
  elsif not v_is_party or p_is_internal then
    return private.refusal('FORBIDDEN', 'Only the parties and staff can write here');
  end if;
  return coalesce(
    private.account_refusal(auth.uid()),
    case
      when not private.is_dispute_open(p_dispute.status)
        then private.refusal('CONFLICT', 'This dispute is decided already')
    end
  );
end;
$$;

create or replace function private.disputant_refusal(p_order public.orders)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif auth.uid() not in (p_order.buyer_id, p_order.seller_id) then
    return private.refusal('FORBIDDEN', 'Only the buyer or the seller can open a dispute');
  end if;
  return private.account_refusal(auth.uid());
end;
$$;

create or replace function private.verification_refusal(
  p_user public.users, p_new public.users, p_open private.kyc_sessions
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_wait_ms constant bigint := private.verification_wait_ms(p_user.id);
begin
  return coalesce(private.account_refusal(p_user.id), case
    when p_user.kyc = 'passed'
      then private.refusal('CONFLICT', 'Your identity is verified already')
    when v_wait_ms is not null
      then private.refusal('KYC_COOLDOWN', 'Too many failed identity checks. Please try again later.')
      || jsonb_build_object('retry_after_ms', v_wait_ms)
    when p_open.redaction <> 'none'
      then private.refusal('CONFLICT', 'Your last identity check is being closed. Please try again later.')
    when not private.is_whole_profile(p_new)
      then private.refusal('VALIDATION_ERROR', 'Give your legal name, date of birth and whole address')
  end);
end;
$$;

create or replace function private.change_listing(p_listing_id uuid, p_changes jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_private private.listing_private;
  v_now timestamptz;
  v_refusal jsonb;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings where id = p_listing_id and seller_id = auth.uid();
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  v_refusal := coalesce(
    private.use_rate_limit('update_listing'), private.changes_refusal(p_changes)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- Take the lock of place_bid too. A bid reads the reserve in the statement that waits for the
  -- row, so with the row lock alone a waiting bid would use the old reserve.
  perform pg_advisory_xact_lock(hashtextextended(id::text, 0)) from public.auctions
  where listing_id = p_listing_id;
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.status <> 'scheduled' or v_listing.start_at <= v_now then
    return private.refusal('LISTING_NOT_SCHEDULED', 'A listing cannot change once it has started');
  end if;
  select * into v_private from private.listing_private where listing_id = p_listing_id;

  v_refusal := private.seller_refusal(v_listing.seller_id);
  if v_refusal is null then
    v_listing := private.changed_listing(v_listing, p_changes, v_now);
    v_private := private.changed_private(v_private, p_changes);
    v_refusal := coalesce(
      private.listing_refusal(v_listing, v_private.reserve_cents, v_private.street, v_now),
      private.contact_text_refusal(
        v_listing.title, v_listing.description, v_listing.location ->> 'suburb'
      )
    );
  end if;
  if v_refusal is not null then
    return v_refusal;
  end if;
  perform private.store_change(v_auction, v_listing, v_private);
  return jsonb_build_object('success', true, 'listing', to_jsonb(v_listing));
end;
$$;

create or replace function private.call_off(p_listing_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.account_refusal(auth.uid());
  v_auction public.auctions;
  v_listing public.listings;
  v_now timestamptz;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings
  where id = p_listing_id and (seller_id = auth.uid() or private.is_staff());
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.status = 'cancelled' then
    return jsonb_build_object('success', true);
  elsif
    v_listing.status = 'ended' or v_auction.status = 'live' and v_auction.end_at <= v_now
  then
    return private.refusal('LISTING_OVER', 'This listing is over');
  elsif v_auction.high_bidder_id is not null then
    return private.refusal('LISTING_HAS_BIDS', 'A listing with bids cannot be cancelled');
  end if;
  update public.auctions
  set status = 'cancelled', finalized_at = v_now, version = version + 1, updated_at = v_now
  where id = v_auction.id;
  update public.listings set status = 'cancelled', updated_at = v_now where id = p_listing_id;
  if v_listing.seller_id <> auth.uid() then
    perform private.remove_photos(p_listing_id);
    perform private.write_audit(
      auth.uid(), 'listing_cancelled', 'listings', p_listing_id::text,
      'Staff cancelled a listing without bids',
      jsonb_build_object('seller_id', v_listing.seller_id)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;

create or replace function private.use_sale_permission(p_oversized_field text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  -- A person does not type a text far beyond its limit by mistake, so that call counts towards the
  -- rate limit. Other calls count only when they succeed.
  if p_oversized_field is not null then
    v_refusal := private.use_rate_limit('create_listing');
  end if;
  v_refusal := coalesce(v_refusal, private.seller_refusal(auth.uid()));
  if v_refusal is null and p_oversized_field is not null then
    v_refusal := private.refusal('VALIDATION_ERROR', 'This text is far too long')
      || jsonb_build_object('field', p_oversized_field);
  end if;
  return v_refusal;
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
  v_now timestamptz;
  v_refusal jsonb;
  v_auction_id uuid;
begin
  -- The lock lets the end of the account, by suspension or deletion, wait for the new listing, or
  -- the listing for the end.
  perform from public.users where id = v_listing.seller_id for key share;
  v_now := private.clock();
  v_listing.start_at := greatest(p_start_at, v_now);
  v_listing.end_at := coalesce(
    p_end_at,
    v_listing.start_at + private.setting('listing_default_days')::integer * interval '24 hours'
  );
  v_refusal := coalesce(
    private.seller_refusal(v_listing.seller_id),
    private.listing_refusal(v_listing, p_reserve_cents, p_street, v_now),
    private.contact_text_refusal(
      v_listing.title, v_listing.description, v_listing.location ->> 'suburb'
    )
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

create function private.seller_refusal(p_seller_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.account_refusal(p_seller_id);
  v_seller public.users;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_seller from public.users where id = p_seller_id;
  if v_seller.kyc <> 'passed' then
    return private.refusal('KYC_REQUIRED', 'KYC verification required to sell');
  elsif v_seller.role = 'buyer' then
    return private.refusal('SELLER_REQUIRED', 'Only sellers can list things');
  end if;
  return null;
end;
$$;

comment on function private.seller_refusal is 'Return the refusal of a person who may not sell, or null.';

create or replace function private.sender_refusal(p_thread public.message_threads)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_thread.listing_id is null then
    -- The answer is the same for a thread of other users: nobody else knows that they talk.
    return private.refusal('RESOURCE_NOT_FOUND', 'Conversation not found');
  end if;
  return coalesce(
    private.account_refusal(auth.uid()),
    case
      when private.is_deleted_account(private.other_party(p_thread, auth.uid()))
        then private.refusal('RECIPIENT_NOT_FOUND', 'This user has left the marketplace')
    end
  );
end;
$$;

create or replace function private.begin_onboarding(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.account_refusal(p_user_id);
  v_user public.users;
  v_errors integer;
begin
  select * into v_user from public.users where id = p_user_id;
  if v_refusal is not null then
    return v_refusal;
  elsif v_user.kyc <> 'passed' or v_user.role = 'buyer' then
    return private.refusal('KYC_REQUIRED', 'KYC verification required to be paid');
  end if;
  insert into private.connect_accounts (user_id) values (p_user_id)
  on conflict (user_id) do nothing;
  select answered_errors into v_errors from private.connect_accounts where user_id = p_user_id;
  return jsonb_build_object(
    'success', true,
    'account_id', v_user.stripe_connect_account_id,
    'answered_errors', v_errors,
    'seller_since', extract(epoch from coalesce(v_user.kyc_completed_at, v_user.created_at))::bigint
  );
end;
$$;

comment on function public.find_auction is 'Return the auction of a listing. Answers success, auction_id. Refusal: LISTING_NOT_FOUND, also for a listing that was cancelled.';

comment on function public.cancel_listing is 'Cancel a listing without bids, as its seller or staff. Answers success. Refusals: PROFILE_NOT_FOUND, LISTING_NOT_FOUND, USER_SUSPENDED, LISTING_OVER, LISTING_HAS_BIDS, REQUEST_ID_REUSED.';

comment on function public.begin_onboarding is 'Return what the Connect account of a seller is made from: {success, account_id, answered_errors, seller_since}. account_id is null until the seller has an account. Refusals: PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED.';

alter policy people_change_their_own_row on public.users
using (id = (select auth.uid()) and deleted_at is null and suspended_at is null)
with check (id = (select auth.uid()));

comment on policy people_change_their_own_row on public.users is 'Column grants name the fields that a person may change, and the guard trigger checks the values. Others see the name, and staff decide by the rest, so a suspended user changes nothing.';
