-- This migration makes listings work: their creation, changes and search, and the secrets of
-- sellers.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Listings: functions.

create function private.update_listing(
  p_listing_id uuid, p_changes jsonb, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'update_listing', p_client_request_id, jsonb_build_array(p_listing_id, p_changes)
  );
begin
  return coalesce(v_answer, private.finish_request(
    p_client_request_id, private.change_listing(p_listing_id, p_changes)
  ));
end;
$$;
comment on function private.update_listing is 'Change a listing that has not started, once for each client_request_id.';
grant execute on function private.update_listing to authenticated;

create function private.change_listing(p_listing_id uuid, p_changes jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_private private.listing_private;
  v_now timestamptz;
  v_refusal jsonb;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings where id = p_listing_id and seller_id = auth.uid();
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  v_refusal := coalesce(
    private.use_rate_limit('update_listing'), private.changes_refusal(p_changes)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- Take the lock of place_bid too. A bid reads the reserve in the statement that waits for the
  -- row, so with the row lock alone a waiting bid would use the old reserve.
  perform pg_advisory_xact_lock(hashtextextended(id::text, 0)) from public.auctions
  where listing_id = p_listing_id;
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.status <> 'scheduled' or v_listing.start_at <= v_now then
    return private.refusal('LISTING_NOT_SCHEDULED', 'A listing cannot change once it has started');
  end if;
  select * into v_private from private.listing_private where listing_id = p_listing_id;

  v_refusal := private.seller_refusal(v_listing.seller_id);
  if v_refusal is null then
    v_listing := private.changed_listing(v_listing, p_changes, v_now);
    v_private := private.changed_private(v_private, p_changes);
    v_refusal := coalesce(
      private.listing_refusal(v_listing, v_private.reserve_cents, v_private.street, v_now),
      private.contact_text_refusal(
        v_listing.title, v_listing.description, v_listing.location ->> 'suburb',
        v_private.street
      )
    );
  end if;
  if v_refusal is not null then
    return v_refusal;
  end if;
  perform private.store_change(v_auction, v_listing, v_private);
  return jsonb_build_object('success', true, 'listing', to_jsonb(v_listing));
end;
$$;
comment on function private.change_listing is 'Change a listing that has not started and its auction, or return the refusal and change nothing.';

create function private.changes_refusal(p_changes jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_key text;
begin
  if pg_column_size(p_changes) > 96 * 1024 then
    return private.refusal('VALIDATION_ERROR', 'The changes are far too long');
  elsif jsonb_typeof(p_changes) is distinct from 'object' then
    return private.refusal('VALIDATION_ERROR', 'Changes must be an object');
  end if;
  select given.key into v_key
  from jsonb_each(p_changes) as given
  left join (values
    ('title', 'string', false), ('description', 'string', false),
    ('category_id', 'number', false), ('condition', 'string', false),
    ('start_cents', 'number', false), ('pickup', 'boolean', false),
    ('shipping', 'boolean', false), ('location', 'object', false), ('start_at', 'string', true),
    ('end_at', 'string', true), ('reserve_cents', 'number', true),
    ('buy_now_cents', 'number', true)
  ) as known (key, type, is_nullable) on known.key = given.key
  where
    not coalesce(
      jsonb_typeof(given.value) = known.type
      or known.is_nullable and jsonb_typeof(given.value) = 'null',
      false
    )
    or known.type = 'number' and given.value::text collate "C" !~ '^(null|-?[0-9]{1,9})$'
  limit 1;
  if v_key is null then
    return private.times_refusal(p_changes ->> 'start_at', p_changes ->> 'end_at');
  end if;
  return private.refusal('VALIDATION_ERROR', 'This field cannot have that value')
    || jsonb_build_object('field', left(v_key, 40));
end;
$$;
comment on function private.changes_refusal is 'Return a refusal if the changes are too long, name an unknown field, or hold a value of the wrong type; otherwise null.';

create function private.changed_listing(
  p_listing public.listings, p_changes jsonb, p_now timestamptz
)
returns public.listings
language plpgsql
stable
set search_path = ''
as $$
declare
  v_listing public.listings := jsonb_populate_record(
    p_listing,
    p_changes - array['location', 'condition', 'reserve_cents', 'start_at', 'end_at']
  );
begin
  if p_changes ? 'title' then
    v_listing.title := private.plain_line(v_listing.title);
  end if;
  if p_changes ? 'description' then
    v_listing.description := private.plain_text(v_listing.description);
  end if;
  if p_changes ? 'location' then
    v_listing.location := private.coarse_location(p_changes -> 'location');
  end if;
  if p_changes ? 'condition' then
    v_listing.condition := private.condition_or_null(p_changes ->> 'condition');
  end if;
  if p_changes ? 'start_at' then
    v_listing.start_at := greatest(private.time_or_null(p_changes ->> 'start_at'), p_now);
  end if;
  if p_changes ? 'end_at' then
    v_listing.end_at := private.time_or_null(p_changes ->> 'end_at');
  end if;
  v_listing.updated_at := p_now;
  return v_listing;
end;
$$;
comment on function private.changed_listing is 'Return the listing with the changes, which changes_refusal has let pass. A start in the past, or null, becomes now.';

create function private.changed_private(p_private private.listing_private, p_changes jsonb)
returns private.listing_private
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_private private.listing_private := p_private;
begin
  if p_changes ? 'reserve_cents' then
    v_private.reserve_cents := (p_changes ->> 'reserve_cents')::bigint;
  end if;
  if p_changes -> 'location' ? 'street' then
    v_private.street := private.street_of(p_changes -> 'location');
  end if;
  return v_private;
end;
$$;
comment on function private.changed_private is 'Return the private part of a listing with the changes.';

create function private.store_change(
  p_auction public.auctions, p_listing public.listings, p_private private.listing_private
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.auctions
  set
    start_at = p_listing.start_at,
    end_at = p_listing.end_at,
    scheduled_end_at = p_listing.end_at,
    current_price_cents = p_listing.start_cents,
    min_next_bid_cents = p_listing.start_cents,
    reserve_met = p_private.reserve_cents is null,
    version = version + 1,
    updated_at = p_listing.updated_at
  where id = p_auction.id;
  update public.listings
  set (
    title, description, category_id, condition, location, pickup, shipping, start_cents,
    buy_now_cents, start_at, end_at, updated_at
  ) = (
    p_listing.title, p_listing.description, p_listing.category_id, p_listing.condition,
    p_listing.location, p_listing.pickup, p_listing.shipping, p_listing.start_cents,
    p_listing.buy_now_cents, p_listing.start_at, p_listing.end_at, p_listing.updated_at
  )
  where id = p_listing.id;
  update private.listing_private
  set
    reserve_cents = p_private.reserve_cents,
    street = p_private.street,
    updated_at = p_listing.updated_at
  where listing_id = p_listing.id;
end;
$$;
comment on function private.store_change is 'Write a changed listing, its private part, and the fields that its auction copies.';

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

create function private.create_listing(
  p_title text, p_description text, p_category_id integer, p_condition text, p_start_cents bigint,
  p_pickup boolean, p_shipping boolean, p_location jsonb, p_start_at text, p_end_at text,
  p_reserve_cents bigint, p_buy_now_cents bigint, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'create_listing', p_client_request_id,
    jsonb_build_array(
      p_title, p_description, p_category_id, p_condition, p_start_cents, p_pickup, p_shipping,
      p_location, p_start_at, p_end_at, p_reserve_cents, p_buy_now_cents
    )
  );
  v_listing public.listings;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  -- Check rights and lengths before any work on the texts.
  v_answer := coalesce(
    private.use_sale_permission(private.oversized_field(p_title, p_description, p_location)),
    private.times_refusal(p_start_at, p_end_at)
  );
  if v_answer is null then
    v_listing.seller_id := auth.uid();
    v_listing.title := private.plain_line(p_title);
    v_listing.description := private.plain_text(p_description);
    v_listing.category_id := p_category_id;
    v_listing.condition := private.condition_or_null(p_condition);
    v_listing.location := private.coarse_location(p_location);
    v_listing.pickup := coalesce(p_pickup, false);
    v_listing.shipping := coalesce(p_shipping, false);
    v_listing.start_cents := p_start_cents;
    v_listing.buy_now_cents := p_buy_now_cents;
    v_answer := private.offer(
      v_listing, p_start_at::timestamptz, p_end_at::timestamptz, p_reserve_cents,
      private.street_of(p_location)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.create_listing is 'Clean the texts and offer the listing, once for each client_request_id. An unknown condition counts as missing.';
grant execute on function private.create_listing to authenticated;

create function private.oversized_field(p_title text, p_description text, p_location jsonb)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when private.is_oversized(p_title, 140) then 'title'
    when private.is_oversized(p_description, 4096) then 'description'
    when pg_column_size(p_location) > 16 * 1024 then 'location'
  end;
end;
$$;
comment on function private.oversized_field is 'Return the first field that is so long that no cleaning makes it fit, or null. Only the lengths are read.';

create function private.use_sale_permission(p_oversized_field text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  -- A person does not type a text far beyond its limit by mistake, so that call counts as a text for
  -- the filter. Other calls count once all but the filter has accepted them.
  if p_oversized_field is not null then
    v_refusal := private.use_rate_limit('check_listing');
  end if;
  v_refusal := coalesce(v_refusal, private.seller_refusal(auth.uid()));
  if v_refusal is null and p_oversized_field is not null then
    v_refusal := private.refusal('VALIDATION_ERROR', 'This text is far too long')
      || jsonb_build_object('field', p_oversized_field);
  end if;
  return v_refusal;
end;
$$;
comment on function private.use_sale_permission is 'Return the refusal of a caller who may not sell, or of a field that is far too long, or null. A call with such a field counts as a text for the filter.';

create function private.condition_or_null(p_condition text)
returns public.item_condition
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select known from unnest(enum_range(null::public.item_condition)) as known
    where known::text = p_condition
  );
end;
$$;
comment on function private.condition_or_null is 'Return the condition of that name, or null.';

create function private.offer(
  p_listing public.listings, p_start_at timestamptz, p_end_at timestamptz, p_reserve_cents bigint,
  p_street text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_listing public.listings := p_listing;
  v_now timestamptz;
  v_refusal jsonb;
  v_auction_id uuid;
begin
  -- The lock lets the end of the account, by suspension or deletion, wait for the new listing, or
  -- the listing for the end.
  perform from public.users where id = v_listing.seller_id for key share;
  v_now := private.clock();
  v_listing.start_at := greatest(p_start_at, v_now);
  v_listing.end_at := coalesce(
    p_end_at,
    v_listing.start_at + private.setting('listing_default_days')::integer * interval '24 hours'
  );
  v_refusal := coalesce(
    private.seller_refusal(v_listing.seller_id),
    private.listing_refusal(v_listing, p_reserve_cents, p_street, v_now),
    -- Count the call before the filter, which costs far more than all checks above. Count the
    -- listing after it, so that a refused text costs the seller no listing.
    private.use_rate_limit('check_listing'),
    private.contact_text_refusal(
      v_listing.title, v_listing.description, v_listing.location ->> 'suburb',
      -- A copy has the street of the old listing, which this call cannot change.
      case when v_listing.id is null then p_street end
    ),
    private.use_rate_limit('create_listing')
  );
  if v_refusal is not null then
    return v_refusal;
  end if;

  v_listing.id := gen_random_uuid();
  v_listing.status := case when v_listing.start_at > v_now then 'scheduled' else 'live' end;
  v_listing.bid_count := 0;
  v_listing.created_at := v_now;
  v_listing.updated_at := v_now;
  insert into public.listings select v_listing.*;
  insert into private.listing_private (listing_id, reserve_cents, street)
  values (v_listing.id, p_reserve_cents, p_street);
  v_auction_id := private.open_auction(v_listing, p_reserve_cents is null, v_now);
  return jsonb_build_object(
    'success', true, 'listing', to_jsonb(v_listing), 'auction_id', v_auction_id
  );
end;
$$;
comment on function private.offer is 'Store a listing with its auction, or return the refusal. A start in the past becomes now.';

create function private.seller_refusal(p_seller_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.account_refusal(p_seller_id);
  v_seller public.users;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_seller from public.users where id = p_seller_id;
  if v_seller.kyc <> 'passed' then
    return private.refusal('KYC_REQUIRED', 'KYC verification required to sell');
  elsif v_seller.role = 'buyer' then
    return private.refusal('SELLER_REQUIRED', 'Only sellers can list things');
  end if;
  return null;
end;
$$;
comment on function private.seller_refusal is 'Return the refusal of a person who may not sell, or null.';

create function private.listing_refusal(
  p_listing public.listings, p_reserve_cents bigint, p_street text, p_now timestamptz
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_bound_error constant text := 'A price is at most 99999999 cents';
  v_field text;
  v_error text;
begin
  -- The seller sees the first broken rule. A rule that yields null is broken.
  select rule.field, rule.error into v_field, v_error
  from (values
    (
      'title', 'Title must have 5 to 140 characters',
      char_length(p_listing.title) <= 140 and private.visible_length(p_listing.title) >= 5
    ),
    (
      'description', 'Description must have 20 to 4096 characters',
      char_length(p_listing.description) <= 4096
      and private.visible_length(p_listing.description) >= 20
    ),
    ('category_id', 'Choose a category', p_listing.category_id between 1 and 7),
    ('condition', 'Choose a condition', p_listing.condition is not null),
    ('location', 'Location needs suburb, postcode and state', p_listing.location is not null),
    (
      'location', 'Street must have at most 120 characters',
      coalesce(char_length(p_street) <= 120, true)
    ),
    ('pickup', 'Offer pickup, shipping or both', p_listing.pickup or p_listing.shipping),
    ('start_cents', v_bound_error, coalesce(p_listing.start_cents <= 99999999, true)),
    ('start_cents', 'Start price must be whole cents, at least 100', p_listing.start_cents >= 100),
    ('reserve_cents', v_bound_error, coalesce(p_reserve_cents <= 99999999, true)),
    (
      'reserve_cents', 'Reserve must be above the start price',
      coalesce(p_reserve_cents > p_listing.start_cents, true)
    ),
    ('buy_now_cents', v_bound_error, coalesce(p_listing.buy_now_cents <= 99999999, true)),
    (
      'buy_now_cents', 'Buy-now price must be above the start price',
      coalesce(p_listing.buy_now_cents > p_listing.start_cents, true)
    ),
    ('start_at', 'Start must be within a year', p_listing.start_at <= p_now + interval '8784 hours'),
    ('end_at', 'End must be after the start', p_listing.end_at > p_listing.start_at),
    (
      'end_at', 'End must be within a year of the start',
      p_listing.end_at <= p_listing.start_at + interval '8784 hours'
    )
  ) as rule (field, error, holds)
  where rule.holds is not true
  limit 1;
  if v_field is null then
    return null;
  end if;
  return private.refusal(
    case when v_error = v_bound_error then 'BAD_AMOUNT' else 'VALIDATION_ERROR' end, v_error
  ) || jsonb_build_object('field', v_field);
end;
$$;
comment on function private.listing_refusal is 'Return the refusal for the first rule that a listing breaks, or null.';

create function private.coarse_location(p_location jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_suburb text;
  v_postcode constant text := p_location ->> 'postcode';
  v_state constant text := p_location ->> 'state';
begin
  if
    pg_column_size(p_location) > 16 * 1024
    or jsonb_typeof(p_location -> 'suburb') is distinct from 'string'
    or coalesce(jsonb_typeof(p_location -> 'street') not in ('string', 'null'), false)
    or coalesce(octet_length(v_postcode) > 16 or octet_length(v_state) > 16, true)
  then
    return null;
  end if;
  v_suburb := private.plain_line(p_location ->> 'suburb');
  if
    char_length(v_suburb) <= 100
    and private.visible_length(v_suburb) > 0
    and btrim(v_postcode) collate "C" ~ '^[0-9]{4}$'
    and upper(btrim(v_state)) in ('NSW', 'VIC', 'QLD', 'WA', 'SA', 'TAS', 'ACT', 'NT')
  then
    return jsonb_build_object(
      'suburb', v_suburb, 'postcode', btrim(v_postcode), 'state', upper(btrim(v_state))
    );
  end if;
  return null;
end;
$$;
comment on function private.coarse_location is 'Return the public part of an address: suburb, postcode and state. Return null if a part is missing or not Australian.';

create function private.street_of(p_location jsonb)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return nullif(private.plain_line(p_location ->> 'street'), '');
end;
$$;
comment on function private.street_of is 'Return the cleaned street of a location, or null. The caller checks its length.';

create function private.fold_listing_text()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  insert into private.listing_texts (listing_id, folded_text)
  values (new.id, lower(new.title || e'\n' || new.description))
  on conflict (listing_id) do update set folded_text = excluded.folded_text;
  return null;
end;
$$;
comment on function private.fold_listing_text is 'Trigger: keep the text that search_listings reads.';

create function private.search_listings(p_search text, p_status text)
returns setof public.listings
language plpgsql
stable
security definer
set search_path = ''
-- A plan for any text would read all texts for a frequent word.
set plan_cache_mode = force_custom_plan
as $$
declare
  v_pattern constant text := '%' || regexp_replace(lower(p_search), '([\\%_])', '\\\1', 'g') || '%';
  v_status public.listing_status;
begin
  select label into v_status
  from unnest(enum_range(null::public.listing_status)) as label
  where label::text = p_status and p_status <> 'cancelled';
  -- Row level security would check each row before the text, and so use no index of texts. These are
  -- the rows that visitors may read.
  return query
    select listing.*
    from public.listings as listing
      join private.listing_texts as listing_text on listing_text.listing_id = listing.id
    where listing.status = v_status and listing_text.folded_text like v_pattern
    order by listing.created_at desc
    limit 1000;
end;
$$;
comment on function private.search_listings is 'Return the listings that contain a text; see the public wrapper.';
grant execute on function private.search_listings to anon, authenticated;

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

-- Listings: RPCs.

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

-- Listings: grants and row level security.

alter table public.listings enable row level security;
grant select (
  id, seller_id, title, description, category_id, condition, location, pickup, shipping,
  start_cents, buy_now_cents, start_at, end_at, status, current_bid_cents, bid_count,
  created_at, updated_at
) on public.listings to anon, authenticated;

create policy visitors_read_uncancelled_listings on public.listings
for select to anon
using (status <> 'cancelled');
comment on policy visitors_read_uncancelled_listings on public.listings is 'Visitors read scheduled, live and ended listings.';

create policy users_read_uncancelled_and_own_listings on public.listings
for select to authenticated
using (
  status <> 'cancelled' or seller_id = (select auth.uid()) or (select private.is_staff())
);
comment on policy users_read_uncancelled_and_own_listings on public.listings is 'Bidders can still read a listing after its end. Only its seller and staff read a cancelled one.';

alter table private.listing_private enable row level security;

alter table private.listing_texts enable row level security;

-- Listings: triggers.

create trigger listings_fold_text
after insert or update of title, description on public.listings
for each row execute function private.fold_listing_text();
