create function private.cancel_listing(p_listing_id uuid, p_client_request_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'cancel_listing', p_client_request_id, jsonb_build_array(p_listing_id)
  );
begin
  return coalesce(v_answer, private.finish_request(
    p_client_request_id, private.call_off(p_listing_id)
  ));
end;
$$;
comment on function private.cancel_listing is 'Cancel a listing, once for each client_request_id.';
grant execute on function private.cancel_listing to authenticated;

create function private.call_off(p_listing_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal jsonb;
  v_auction public.auctions;
  v_listing public.listings;
  v_now timestamptz;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings
  where id = p_listing_id and (seller_id = auth.uid() or private.is_staff());
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  v_refusal := coalesce(
    private.account_refusal(auth.uid()), private.use_rate_limit('cancel_listing')
  );
  if v_refusal is not null then
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
comment on function private.call_off is 'Cancel a listing and its auction, or return the refusal. Staff thereby remove the photos, too. A repeat changes nothing and succeeds.';

create function private.relist_listing(
  p_listing_id uuid, p_start_at text, p_end_at text, p_reserve_cents bigint,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'relist_listing', p_client_request_id,
    jsonb_build_array(p_listing_id, p_start_at, p_end_at, p_reserve_cents)
  );
begin
  return coalesce(v_answer, private.finish_request(
    p_client_request_id,
    coalesce(
      private.times_refusal(p_start_at, p_end_at),
      private.offer_again(
        p_listing_id, p_start_at::timestamptz, p_end_at::timestamptz, p_reserve_cents
      )
    )
  ));
end;
$$;
comment on function private.relist_listing is 'Offer an unsold listing again, once for each client_request_id.';
grant execute on function private.relist_listing to authenticated;

create function private.offer_again(
  p_listing_id uuid, p_start_at timestamptz, p_end_at timestamptz, p_reserve_cents bigint
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_street text;
  v_answer jsonb;
begin
  select * into v_auction from public.auctions where listing_id = p_listing_id;
  select * into v_listing from public.listings
  where id = p_listing_id and seller_id = auth.uid();
  select street into v_street from private.listing_private where listing_id = p_listing_id;
  if v_listing.id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif not private.is_unsold(v_auction) then
    return private.refusal('LISTING_NOT_UNSOLD', 'Only an unsold listing can be listed again');
  end if;

  v_listing.current_bid_cents := null;
  v_answer := private.offer(
    v_listing, p_start_at, p_end_at, p_reserve_cents, v_street
  );
  -- Both listings show the same file. A path is unique, so the path of the copy ends with the id of
  -- the new listing.
  insert into public.listing_photos (
    listing_id, url, path, order_idx, perceptual_hash, file_size, mime_type, width, height
  )
  select
    (v_answer #>> '{listing,id}')::uuid, url, path || '#' || (v_answer #>> '{listing,id}'),
    order_idx, perceptual_hash, file_size, mime_type, width, height
  from public.listing_photos
  where listing_id = p_listing_id and (v_answer ->> 'success')::boolean;
  return v_answer;
end;
$$;
comment on function private.offer_again is 'Copy an unsold listing of the caller with its photos, or return the refusal.';

create function private.is_unsold(p_auction public.auctions)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_auction.status = 'no_sale' or p_auction.status = 'finalized' and exists (
    select from public.orders where auction_id = p_auction.id and state = 'cancelled'
  );
end;
$$;
comment on function private.is_unsold is 'Return true if an auction ended without a sale, or its order was cancelled.';
