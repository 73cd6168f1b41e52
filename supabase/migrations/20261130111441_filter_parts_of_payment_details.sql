set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.checked_profile(p_old public.users, p_new public.users)
returns public.users
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_new public.users := p_new;
  v_refusal text;
  v_code text := 'VALIDATION_ERROR';
begin
  if v_new.display_name is distinct from p_old.display_name then
    v_refusal := private.display_name_refusal(v_new.display_name);
    if
      v_refusal is null
      and coalesce(p_old.role not in ('moderator', 'admin'), true)
      and private.claims_authority(v_new.display_name)
    then
      v_refusal := 'Display name must not claim to be the marketplace or its staff';
      v_code := 'NAME_RESERVED';
    end if;
  end if;
  v_new.legal_name := private.line_or_null(p_new.legal_name, 200);
  v_new.phone := private.line_or_null(p_new.phone, 32);
  -- An address from before the filter must not block changes of other fields.
  if p_new.address is distinct from p_old.address then
    v_new.address := private.address_or_null(p_new.address);
  end if;
  v_refusal := coalesce(v_refusal, case
    when v_new.legal_name is null and p_new.legal_name <> ''
      then 'Legal name must have at most 200 characters'
    when v_new.phone is null and p_new.phone <> '' then 'Phone must have at most 32 characters'
    when not private.is_birth_date(v_new.dob)
      then 'Date of birth must be at least ten years ago, from 1900 on'
    when
      p_new.address <> '{}'
      and (
        jsonb_typeof(p_new.address) <> 'object'
        or v_new.address is null
        or p_new.address - array['street', 'suburb', 'postcode', 'state'] <> '{}'
      )
      then 'Address must be street, suburb, postcode and state, each a short text, '
        'without payment details'
  end);
  if v_refusal is not null then
    raise check_violation using
      message = v_refusal,
      detail = v_code,
      constraint = 'users_profile_is_checked';
  end if;
  return v_new;
end;
$$;
comment on function private.checked_profile is 'Return a profile with cleaned texts. Raises check_violation for a name, date or text that breaks a rule.';

create or replace function private.place_bid(
  p_auction_id uuid, p_amount_cents bigint, p_max_cents bigint, p_client_bid_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- Each lock has its own time limit, so that the caller still waits when the answer comes. The value
-- set here or below ends with the function.
set lock_timeout = '200ms'
as $$
declare
  v_bidder_id constant uuid := auth.uid();
  v_standing private.standing;
  v_lock text;
  v_now timestamptz;
  v_answer jsonb;
begin
  -- Look for a receipt before any check: a repeated call gets it, even if the auction has ended
  -- since.
  v_answer := coalesce(
    private.stored_receipt(v_bidder_id, p_client_bid_id, p_auction_id),
    private.use_rate_limit('place_bid', v_bidder_id)
  );
  if v_answer is not null then
    return v_answer;
  end if;

  -- Bidders queue on the advisory lock, because waiting for it costs less than for the row. These
  -- are assignments, because `perform` would start the executor for each.
  v_lock := set_config('lock_timeout', '900ms', true);
  v_lock := pg_advisory_xact_lock(hashtextextended(p_auction_id::text, 0));
  v_lock := set_config('lock_timeout', '200ms', true);
  v_standing := private.locked_standing(p_auction_id, v_bidder_id);
  -- Read the clock after the locks: a bid that waited for them past the end is too late.
  v_now := private.clock();
  v_answer := private.bid_refusal(v_standing, p_amount_cents, p_max_cents, v_now);
  if v_answer is not null then
    return v_answer;
  end if;
  if v_standing.log_rules_hash is distinct from v_standing.rules_hash then
    v_standing := private.continued_standing(v_standing, v_now);
  end if;
  if v_standing.leader_id = v_bidder_id then
    -- Each other bid lifts the price, which has a maximum. A raise lifts nothing that others see, so
    -- without this limit a bid log could become too long to read.
    v_answer := private.use_rate_limit('raise_maximum', v_bidder_id);
    if v_answer is not null then
      return v_answer;
    end if;
    v_answer := private.raise_maximum(v_standing, p_amount_cents, p_max_cents, v_now);
  else
    v_answer := private.record_bid(v_standing, p_amount_cents, p_max_cents, v_now);
  end if;
  if p_client_bid_id is not null then
    insert into private.bid_receipts (bidder_id, client_bid_id, auction_id, receipt)
    values (v_bidder_id, p_client_bid_id, p_auction_id, v_answer);
  end if;
  return v_answer;
exception
  -- This undoes everything in the block, the use of the rate limit too. The block spans locks and
  -- writes on purpose: a row locked in a block and changed after it needs a multixact, which halves
  -- the throughput of 96 bidders.
  when lock_not_available then
    return private.refusal('AUCTION_BUSY', 'Please try again in a moment');
end;
$$;
comment on function private.place_bid is 'Answer a repeated call with its receipt. Otherwise lock the auction, then refuse the bid or record it. If a lock stays busy past its time limit, the call is refused.';

create or replace function private.open_dispute(
  p_order_id uuid, p_dispute_type text, p_reason text, p_description text,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'open_dispute', p_client_request_id,
    jsonb_build_array(p_order_id, p_dispute_type, p_reason, p_description)
  );
  v_order public.orders;
  v_dispute public.disputes;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  -- Check the caller before locking, so another user's calls cannot delay the order.
  select * into v_order from public.orders where id = p_order_id;
  v_answer := private.disputant_refusal(v_order);
  if v_answer is null then
    select * into v_order from public.orders where id = p_order_id for update;
    v_dispute := private.new_dispute(v_order, p_dispute_type, p_reason, p_description);
    v_answer := coalesce(
      private.new_dispute_refusal(v_order, v_dispute),
      -- Count the call before the filter, which costs far more than all checks above. Count the
      -- dispute after it, so that a refused text costs the party no dispute.
      private.use_rate_limit('check_dispute'),
      private.payment_text_refusal('reason', v_dispute.reason),
      private.payment_text_refusal(
        'description', v_dispute.description, array[v_dispute.reason]
      ),
      private.use_rate_limit('open_dispute'),
      private.store_dispute(v_order, v_dispute)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.open_dispute is 'Open a dispute about an order as one of its parties; see the public wrapper.';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.contact_text_refusal(text, text, text);

create function private.contact_text_refusal(
  p_title text, p_description text, p_suburb text default '', p_street text default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_finding private.filter_finding;
  v_refusal jsonb;
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
  v_refusal := private.refusal(
    'CONTACT_IN_TEXT', 'A listing cannot have contact or payment details in its texts'
  );
  if v_finding.rule is null then
    -- The buyer of a paid order reads the street, and may then read contact details too.
    return v_refusal || '{"field": "street"}' || private.payment_span(p_street);
  end if;
  return v_refusal || (
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
comment on function private.contact_text_refusal is 'Return the refusal of a listing whose title, description or suburb holds a contact or payment detail, with its span in the cleaned text, or null. The field of the suburb is location. A street may hold contact details, but no payment details.';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.payment_text_refusal(text, text);

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.tracking_refusal(text);

create function private.tracking_refusal(p_tracking text, p_carrier text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_label constant text := 'tracking number ';
  v_refusal constant jsonb := private.payment_text_refusal(
    'tracking', v_label || p_tracking, array[p_carrier]
  );
begin
  -- After the label the filter takes a row of digits for no card number.
  return v_refusal || jsonb_build_object(
    'start', greatest((v_refusal ->> 'start')::integer - char_length(v_label), 0),
    'end', (v_refusal ->> 'end')::integer - char_length(v_label)
  );
end;
$$;
comment on function private.tracking_refusal is 'Return the refusal of a tracking number with details for a payment, or null.';

create or replace function private.add_shipment_event(
  p_order_id uuid, p_user_id uuid, p_event_id uuid, p_status text, p_description text,
  p_location text, p_event_time text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_status constant text := private.plain_line(p_status, 64);
  v_description constant text := private.plain_text(coalesce(p_description, ''), 512);
  v_location constant text := private.plain_line(coalesce(p_location, ''), 128);
  v_order public.orders;
  v_shipment public.shipments;
  v_event public.shipment_events;
  v_now timestamptz;
  v_event_time timestamptz;
  v_refusal jsonb;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  select * into v_shipment from public.shipments where order_id = p_order_id;
  v_now := private.clock();
  v_event_time := case
    when p_event_time is null then v_now else private.time_or_null(p_event_time)
  end;
  v_refusal := coalesce(
    private.shipper_refusal(v_order, p_user_id),
    case when v_shipment.id is null
      then private.refusal('RESOURCE_NOT_FOUND', 'This order has no shipment yet')
    end,
    private.shipment_event_refusal(v_status, v_description, v_location, v_event_time, v_now),
    private.payment_text_refusal('status', v_status),
    private.payment_text_refusal('description', v_description, array[v_status]),
    private.payment_text_refusal('location', v_location, array[v_status, v_description])
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.shipment_events (
    id, shipment_id, status, description, location, event_time
  )
  values (
    p_event_id, v_shipment.id, v_status, nullif(v_description, ''), nullif(v_location, ''),
    v_event_time
  )
  -- The service repeats a call whose answer was lost.
  on conflict (id) do nothing;
  if found then
    perform private.follow_parcel(v_order, v_shipment.id, lower(v_status), v_event_time);
  end if;
  select * into v_event from public.shipment_events
  where id = p_event_id and shipment_id = v_shipment.id;
  return jsonb_build_object('success', true, 'event', to_jsonb(v_event));
end;
$$;
comment on function private.add_shipment_event is 'Add a step of a parcel on its way; see the public wrapper.';

create or replace function private.change_listing(p_listing_id uuid, p_changes jsonb)
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

create or replace function private.disclose_to_staff(p_private private.listing_private, p_seller_id uuid)
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

comment on function public.get_listing_private is 'Return reserve and street of a listing to its seller and staff. Answers reserve_cents, street. For staff reserve_cents is null until the auction has ended, and each read is audited. Refusal: LISTING_NOT_FOUND, also for staff who have bid there. Raises FILTER_REFUSED.';

update private.app_settings
set value = '{"raise_maximum": {"max": 100, "window_s": 86400}}' || value
where key = 'rate_limits';
