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
  select id into v_auction_id from public.auctions
  where listing_id = p_listing_id and status <> 'cancelled';
  if v_auction_id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  return jsonb_build_object('success', true, 'auction_id', v_auction_id);
end;
$$;
comment on function private.find_auction is 'Return the auction of a listing, or the refusal; see the public wrapper.';
grant execute on function private.find_auction to service_role;
