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
