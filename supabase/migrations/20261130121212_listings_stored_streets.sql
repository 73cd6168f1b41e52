set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.address_or_null(p_address jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_address jsonb;
begin
  if pg_column_size(p_address) > 16 * 1024 then
    return null;
  end if;
  select
    jsonb_object_agg(part.name, private.line_or_null(p_address ->> part.name, 120)) into v_address
  from unnest(array['street', 'suburb', 'postcode', 'state']) as part (name)
  where
    jsonb_typeof(p_address -> part.name) = 'string'
    and private.line_or_null(p_address ->> part.name, 120) is not null;
  return case
    when
      -- A quote takes two characters in JSON, and the column holds a thousand.
      char_length(v_address::text) <= 1000
      -- The seller of a paid order reads the address.
      and private.payment_span(
        concat_ws(E'\n', v_address ->> 'street', v_address ->> 'suburb')
      ) is null
      then v_address
  end;
end;
$$;
comment on function private.address_or_null is 'Return the four parts of an address that are texts, each cleaned, or null if there is none, they are too long or they hold payment details.';

create or replace function private.offer(
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
