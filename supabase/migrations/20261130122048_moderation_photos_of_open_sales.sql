set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.remove_photos_as_staff(p_listing_id uuid, p_reason text)
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
  elsif private.is_sale_open(p_listing_id) then
    return private.refusal('CONFLICT', 'The order of this listing is unfinished or in dispute');
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

create function private.is_sale_open(p_listing_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.orders
    where
      listing_id = p_listing_id
      and (
        state not in ('released', 'refunded', 'cancelled')
        or refund_pending
        or exists (
          select from public.disputes
          where order_id = orders.id and private.is_dispute_open(status)
        )
      )
  );
end;
$$;
comment on function private.is_sale_open is 'Return true if an order of a listing is unfinished or has an open dispute. The photos of the listing may be evidence until then.';

comment on function public.staff_remove_photos is 'Remove all photos of an ended or cancelled listing as staff: {success}. The listing stays. A file goes once no other listing shows it: a listing that was offered again shows the files of its predecessor. A repeat succeeds and changes nothing. Audited. Refusals: LISTING_NOT_FOUND, FORBIDDEN (the caller sold or bid there), CONFLICT (the listing is not over, its order is unfinished or in dispute, or it has an open report), VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
