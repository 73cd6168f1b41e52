create function private.staff_withdraw_bids(
  p_auction_id uuid, p_bidder_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_withdraw_bids', p_client_request_id,
    jsonb_build_array(p_auction_id, p_bidder_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.withdraw_as_staff(p_auction_id, p_bidder_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.staff_withdraw_bids is 'Withdraw one user''s bids from one auction as staff; see the public wrapper.';
grant execute on function private.staff_withdraw_bids to authenticated;

create function private.withdraw_as_staff(p_auction_id uuid, p_bidder_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
begin
  select * into v_auction from public.auctions where id = p_auction_id for no key update;
  if v_auction.id is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  elsif private.takes_part(v_auction, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You take part in this auction');
  elsif exists (
    select from private.bid_withdrawals
    where auction_id = p_auction_id and bidder_id = p_bidder_id
  ) then
    return jsonb_build_object('success', true);
  elsif v_auction.status <> 'live' then
    return private.refusal('AUCTION_NOT_LIVE', 'Auction is not live');
  elsif not private.withdraw_bids(p_auction_id, array[p_bidder_id], auth.uid(), p_reason) then
    return private.refusal('CONFLICT', 'This user has no bids in this auction');
  end if;
  perform private.write_audit(
    auth.uid(), 'bids_withdrawn', 'auctions', p_auction_id::text, p_reason,
    jsonb_build_object('bidder_id', p_bidder_id)
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.withdraw_as_staff is 'Withdraw the bids and audit it, or return the refusal. A repeat changes nothing and succeeds.';

create function private.takes_part(p_auction public.auctions, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.listings where id = p_auction.listing_id and seller_id = p_user_id
  ) or exists (
    select from public.bids where auction_id = p_auction.id and bidder_id = p_user_id
  );
end;
$$;
comment on function private.takes_part is 'Return true if a user sells in an auction or has ever bid in it.';

create function private.staff_remove_listing(
  p_listing_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_remove_listing', p_client_request_id, jsonb_build_array(p_listing_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.remove_listing(p_listing_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.staff_remove_listing is 'Remove a listing as staff, with bids or without; see the public wrapper.';
grant execute on function private.staff_remove_listing to authenticated;

create function private.remove_listing(p_listing_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_now timestamptz;
begin
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif private.takes_part(v_auction, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You take part in this auction');
  elsif v_listing.status = 'cancelled' then
    return jsonb_build_object('success', true);
  elsif v_auction.status not in ('scheduled', 'live') then
    return private.refusal('LISTING_OVER', 'This listing is over');
  end if;
  perform private.cancel_auction(v_auction.id, v_now);
  perform private.write_audit(
    auth.uid(), 'listing_removed', 'listings', p_listing_id::text, p_reason,
    jsonb_build_object(
      'auction_id', v_auction.id, 'seller_id', v_listing.seller_id,
      'bid_count', v_auction.bid_count
    )
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.remove_listing is 'Cancel a listing that is not over, with its auction, and audit it; or return the refusal. A repeat changes nothing and succeeds.';

create function private.staff_remove_photos(
  p_listing_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_remove_photos', p_client_request_id, jsonb_build_array(p_listing_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.remove_photos_as_staff(p_listing_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.staff_remove_photos is 'Remove the photos of a listing that is over as staff; see the public wrapper.';
grant execute on function private.staff_remove_photos to authenticated;

create function private.remove_photos_as_staff(p_listing_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_count integer;
begin
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  -- This lock waits for reports under way, whose foreign key refers to the listing.
  select * into v_listing from public.listings where id = p_listing_id for update;
  if v_listing.id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif private.takes_part(v_auction, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You take part in this auction');
  elsif v_auction.status in ('scheduled', 'live') then
    return private.refusal('CONFLICT', 'This listing is not over, so remove the listing');
  elsif not private.is_admin() and exists (
    select from public.orders
    where listing_id = p_listing_id and private.is_order_open(orders)
  ) then
    -- The photos are evidence. The law may demand their removal all the same, so an admin decides.
    return private.refusal(
      'CONFLICT', 'The order of this listing is unfinished or in dispute, so an admin decides'
    );
  elsif exists (
    select from public.content_reports where listing_id = p_listing_id and status = 'open'
  ) then
    return private.refusal('CONFLICT', 'Decide the open reports about this listing first');
  end if;
  select count(*) into v_count from public.listing_photos where listing_id = p_listing_id;
  if v_count > 0 then
    perform private.remove_photos(p_listing_id);
    perform private.write_audit(
      auth.uid(), 'photos_removed', 'listings', p_listing_id::text, p_reason,
      jsonb_build_object('seller_id', v_listing.seller_id, 'photos', v_count)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.remove_photos_as_staff is 'Remove all photos of a listing that is over, and audit it; or return the refusal. A repeat changes nothing and succeeds.';
