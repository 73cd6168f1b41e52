set lock_timeout = '2s';
set statement_timeout = '30s';

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

create function public.staff_remove_photos(
  listing_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_remove_photos(
    staff_remove_photos.listing_id, staff_remove_photos.reason,
    staff_remove_photos.client_request_id
  );
end;
$$;
comment on function public.staff_remove_photos is 'Remove all photos of an ended or cancelled listing as staff: {success}. The listing stays. A file goes once no other listing shows it: a listing that was offered again shows the files of its predecessor. A repeat succeeds and changes nothing. Audited. Refusals: LISTING_NOT_FOUND, FORBIDDEN (the caller sold or bid there), CONFLICT (the listing is not over, its order is unfinished or in dispute and the caller is no admin, or it has an open report), VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_remove_photos to authenticated;
