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
