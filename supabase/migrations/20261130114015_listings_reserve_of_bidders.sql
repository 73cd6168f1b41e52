set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.get_listing_private(p_listing_id uuid)
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

create or replace function public.get_listing_private(listing_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.get_listing_private(get_listing_private.listing_id);
end;
$$;
comment on function public.get_listing_private is 'Return reserve and street of a listing to its seller and staff. Answers reserve_cents, street. For staff reserve_cents is null until the auction has ended, and each read is audited. Refusal: LISTING_NOT_FOUND, also for staff who have bid there. Raises FILTER_REFUSED.';
