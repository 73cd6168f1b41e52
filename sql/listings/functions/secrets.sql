create function private.get_listing_private(p_listing_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_seller_id uuid;
  v_auction public.auctions;
  v_private private.listing_private;
begin
  select seller_id into v_seller_id from public.listings where id = p_listing_id;
  select * into v_auction from public.auctions where listing_id = p_listing_id;
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif
    v_seller_id is null
    or v_seller_id is distinct from auth.uid()
    and (not private.is_staff() or private.takes_part(v_auction, auth.uid()))
  then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  select * into v_private from private.listing_private where listing_id = p_listing_id;
  if v_seller_id <> auth.uid() then
    v_private := private.disclose_to_staff(v_private, v_seller_id);
  end if;
  return jsonb_build_object('reserve_cents', v_private.reserve_cents, 'street', v_private.street);
end;
$$;
comment on function private.get_listing_private is 'Return reserve and street to the seller, and to staff as disclose_to_staff allows. Another user, and a bidder on the staff, gets LISTING_NOT_FOUND.';
grant execute on function private.get_listing_private to authenticated;

create function private.disclose_to_staff(p_private private.listing_private, p_seller_id uuid)
returns private.listing_private
language plpgsql
set search_path = ''
as $$
declare
  v_private private.listing_private := p_private;
begin
  -- A filter in the request could show the street in its error, and undo the audit.
  perform private.refuse_filtered_call();
  -- Staff may bid, so a reserve is for the seller alone while bids are possible.
  if exists (
    select from public.auctions
    where listing_id = p_private.listing_id and status in ('scheduled', 'live')
  ) then
    v_private.reserve_cents := null;
  end if;
  perform private.write_audit(
    auth.uid(), 'listing_private_read', 'listings', p_private.listing_id::text,
    'The private part of a listing was read',
    jsonb_build_object(
      'seller_id', p_seller_id, 'has_reserve', v_private.reserve_cents is not null
    )
  );
  return v_private;
end;
$$;
comment on function private.disclose_to_staff is 'Return the part of a private row that staff may read now, and audit the read. The reserve is null until the auction has ended.';
