create function public.update_listing(
  listing_id uuid, changes jsonb, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.update_listing(
    update_listing.listing_id, update_listing.changes, update_listing.client_request_id
  );
end;
$$;
comment on function public.update_listing is 'Change a listing of the caller before it starts; changes holds arguments of create_listing. Answers success, listing. Refusals: PROFILE_NOT_FOUND, RATE_LIMITED, LISTING_NOT_FOUND, LISTING_NOT_SCHEDULED, VALIDATION_ERROR and BAD_AMOUNT (a price is too high), each with field, CONTACT_IN_TEXT (with field, start, end), USER_SUSPENDED, KYC_REQUIRED, SELLER_REQUIRED, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';
grant execute on function public.update_listing to authenticated;

create function public.cancel_listing(listing_id uuid, client_request_id uuid default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.cancel_listing(cancel_listing.listing_id, cancel_listing.client_request_id);
end;
$$;
comment on function public.cancel_listing is 'Cancel a listing without bids, as its seller or staff. Answers success. Refusals: PROFILE_NOT_FOUND, LISTING_NOT_FOUND, USER_SUSPENDED, RATE_LIMITED, LISTING_OVER, LISTING_HAS_BIDS, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';
grant execute on function public.cancel_listing to authenticated;

create function public.relist_listing(
  listing_id uuid, start_at text default null, end_at text default null,
  reserve_cents bigint default null, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.relist_listing(
    relist_listing.listing_id, relist_listing.start_at, relist_listing.end_at,
    relist_listing.reserve_cents, relist_listing.client_request_id
  );
end;
$$;
comment on function public.relist_listing is 'Offer an unsold listing again, as a new one with the same photos. Unsold means no sale, or an order that was cancelled. Times need an offset. Answers success, listing, auction_id. Refusals: as create_listing, and LISTING_NOT_FOUND, LISTING_NOT_UNSOLD. Raises FILTER_REFUSED.';
grant execute on function public.relist_listing to authenticated;

create function public.create_listing(
  title text, description text, category_id integer, condition text, start_cents bigint,
  pickup boolean, shipping boolean, location jsonb, start_at text default null,
  end_at text default null, reserve_cents bigint default null,
  buy_now_cents bigint default null, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.create_listing(
    create_listing.title, create_listing.description, create_listing.category_id,
    create_listing.condition, create_listing.start_cents, create_listing.pickup,
    create_listing.shipping, create_listing.location, create_listing.start_at,
    create_listing.end_at, create_listing.reserve_cents, create_listing.buy_now_cents,
    create_listing.client_request_id
  );
end;
$$;
comment on function public.create_listing is 'Offer an item by auction, now or from start_at on. Times are text in ISO 8601 with an offset; another form is a VALIDATION_ERROR. Answers success, listing, auction_id. Refusals: PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED, SELLER_REQUIRED, VALIDATION_ERROR and BAD_AMOUNT (a price is too high), each with field, CONTACT_IN_TEXT (with field, start, end), RATE_LIMITED, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';
grant execute on function public.create_listing to authenticated;

create function public.get_listing_private(listing_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.get_listing_private(get_listing_private.listing_id);
end;
$$;
comment on function public.get_listing_private is 'Return reserve and street of a listing to its seller and staff. Answers reserve_cents, street. For staff reserve_cents is null until the auction has ended, and each read is audited. Refusal: LISTING_NOT_FOUND, also for staff who have bid there. Raises FILTER_REFUSED.';
grant execute on function public.get_listing_private to authenticated;

create function public.search_listings(search text, listing_status text default 'live')
returns setof public.listings
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
    select * from private.search_listings(
      search_listings.search, search_listings.listing_status
    );
end;
$$;
comment on function public.search_listings is 'Return the listings of a status (scheduled, live or ended) whose title or description contains a text, in any case. Answers rows of listings, at most the 1,000 newest. Select columns and embeds, filter, sort and count them as rows of the table.';
grant execute on function public.search_listings to anon, authenticated;
