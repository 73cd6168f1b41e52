set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.contact_text_refusal;

create function private.contact_text_refusal(
  p_title text, p_description text, p_suburb text default ''
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_finding private.filter_finding;
  v_description_at constant integer := char_length(p_title) + 1;
  v_suburb_at constant integer := v_description_at + char_length(p_description) + 1;
begin
  -- One text, because a number may begin in the title and end in the description.
  select hit.* into v_finding
  from unnest(
    private.filter_findings(concat_ws(E'\n', p_title, p_description, p_suburb), 'listing')
  ) as hit
  order by hit.start_at, hit.score desc
  limit 1;
  if v_finding.rule is null then
    return null;
  end if;
  return private.refusal(
    'CONTACT_IN_TEXT', 'A listing cannot have contact or payment details in its texts'
  ) || (
    select jsonb_build_object(
      'field', part.field,
      'start', v_finding.start_at - part.start_at,
      'end', least(v_finding.end_at - part.start_at, char_length(part.content))
    )
    from (values
      ('title', p_title, 0), ('description', p_description, v_description_at),
      ('location', p_suburb, v_suburb_at)
    ) as part (field, content, start_at)
    where part.start_at <= v_finding.start_at
    order by part.start_at desc
    limit 1
  );
end;
$$;

comment on function private.contact_text_refusal is 'Return the refusal of a listing whose title, description or suburb holds a contact or payment detail, with its span in the cleaned text, or null. The field of the suburb is location.';

create or replace function private.change_listing(p_listing_id uuid, p_changes jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_private private.listing_private;
  v_seller public.users;
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
  select * into v_seller from public.users where id = v_listing.seller_id;

  v_refusal := private.seller_refusal(v_seller);
  if v_refusal is null then
    v_listing := private.changed_listing(v_listing, p_changes, v_now);
    v_private := private.changed_private(v_private, p_changes);
    v_refusal := coalesce(
      private.listing_refusal(v_listing, v_private.reserve_cents, v_private.street, v_now),
      private.contact_text_refusal(
        v_listing.title, v_listing.description, v_listing.location ->> 'suburb'
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
  v_seller public.users;
  v_now timestamptz;
  v_refusal jsonb;
  v_auction_id uuid;
begin
  -- The lock lets the end of the account, by suspension or deletion, wait for the new listing, or
  -- the listing for the end.
  select * into v_seller from public.users where id = v_listing.seller_id for key share;
  v_now := private.clock();
  v_listing.start_at := greatest(p_start_at, v_now);
  v_listing.end_at := coalesce(
    p_end_at,
    v_listing.start_at + private.setting('listing_default_days')::integer * interval '24 hours'
  );
  v_refusal := coalesce(
    private.seller_refusal(v_seller),
    private.listing_refusal(v_listing, p_reserve_cents, p_street, v_now),
    private.contact_text_refusal(
      v_listing.title, v_listing.description, v_listing.location ->> 'suburb'
    )
  );
  -- Count the call last, so that the seller may try again after a mistake.
  v_refusal := coalesce(v_refusal, private.use_rate_limit('create_listing'));
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
