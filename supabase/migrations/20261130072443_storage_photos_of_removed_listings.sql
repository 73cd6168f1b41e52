set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.purge_photos(p_max_listings integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer := 0;
  v_listing_id uuid;
begin
  for v_listing_id in
    select listing.id
    from public.listings as listing
    join public.auctions as auction on auction.listing_id = listing.id
    where
      listing.status = 'cancelled'
      and exists (select from public.listing_photos where listing_id = listing.id)
      and not exists (
        select from public.content_reports
        where listing_id = listing.id and status = 'open'
      )
      -- Staff cancel a listing without bids as its seller does; the entry of the audit log tells
      -- them apart. Any other decision of theirs notifies the seller.
      and (
        exists (
          select from public.audit_logs
          where
            entity = 'listings' and entity_id = listing.id::text and action = 'listing_cancelled'
        )
        or exists (
          select from public.notifications
          where
            dedupe_key = 'auction_cancelled:' || auction.id || ':' || listing.seller_id
        )
      )
    order by listing.id
    limit p_max_listings
    for no key update of listing skip locked
  loop
    perform private.remove_photos(v_listing_id);
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.purge_photos is 'Remove the photos of listings that staff removed in a release that kept them, unless an open report is about them. Return the number of listings.';
