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
  if
    v_seller_id is null
    or v_seller_id is distinct from auth.uid() and not private.is_staff()
  then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  select * into v_private from private.listing_private where listing_id = p_listing_id;
  return jsonb_build_object('reserve_cents', v_private.reserve_cents, 'street', v_private.street);
end;
$$;
comment on function private.get_listing_private is 'What of a listing is between its seller and us. A stranger is answered as if there was none.';
grant execute on function private.get_listing_private to authenticated;
