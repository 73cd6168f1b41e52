create function private.get_listing_private(p_listing_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_seller_id uuid;
  v_private private.listing_private;
begin
  select seller_id into v_seller_id from public.listings where id = p_listing_id;
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif
    v_seller_id is null
    or v_seller_id is distinct from auth.uid() and not private.is_staff()
  then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  select * into v_private from private.listing_private where listing_id = p_listing_id;
  return jsonb_build_object('reserve_cents', v_private.reserve_cents, 'street', v_private.street);
end;
$$;
comment on function private.get_listing_private is 'Return reserve and street to the seller and staff. Another user gets LISTING_NOT_FOUND.';
grant execute on function private.get_listing_private to authenticated;
