-- This migration makes fulfilment work: pickup codes, shipments, and addresses.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Fulfilment: functions.

create function private.keep_delivery_address(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into private.order_addresses (order_id, delivery_address)
  select p_order.id, buyer.address
  from public.users as buyer
  join public.listings as listing on listing.id = p_order.listing_id
  where buyer.id = p_order.buyer_id and buyer.address is not null and listing.shipping;
end;
$$;
comment on function private.keep_delivery_address is 'Keep the buyer''s address as it is at the payment, if the listing offers shipping. A later change of the profile does not redirect a parcel.';

create function private.order_address(p_order public.orders, p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_order.paid_at is null or private.is_ended(p_order.state) then
    return '{}';
  end if;
  return coalesce(case private.party_of(p_order, p_user_id)
    when 'buyer' then (
      select
        jsonb_build_object(
          'pickup_address', listing.location || jsonb_build_object('street', secret.street)
        )
      from public.listings as listing
      left join private.listing_private as secret on listing.id = secret.listing_id
      where listing.id = p_order.listing_id and listing.pickup
    )
    when 'seller' then (
      select jsonb_build_object('delivery_address', delivery_address)
      from private.order_addresses where order_id = p_order.id
    )
  end, '{}');
end;
$$;
comment on function private.order_address is 'Return the address that this party needs for the handover, under its key, or an empty object. The buyer gets the pickup address and the seller the delivery address, from the payment until the order ends with its money returned.';

create function private.init_pickup(
  p_order_id uuid, p_user_id uuid, p_code_hmac text, p_qr_token_hmac text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_ttl constant interval := private.setting('pickup_ttl_h')::integer * interval '1 hour';
  v_order public.orders;
  v_now timestamptz;
begin
  perform private.refuse_unless_valid(
    p_code_hmac collate "C" ~ '^[0-9a-f]{64}$' and p_qr_token_hmac collate "C" ~ '^[0-9a-f]{64}$'
  );
  select * into v_order from public.orders where id = p_order_id for update;
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif p_user_id is distinct from v_order.seller_id then
    return private.refusal('FORBIDDEN', 'Only the seller can make a pickup code');
  elsif not private.is_ready_for_pickup(v_order, '{paid,ready_for_handover}') then
    return private.refusal('NOT_READY', 'This order cannot be picked up now');
  end if;

  v_now := private.clock();
  insert into private.pickups as pickup (order_id, code_hmac, qr_token_hmac, expires_at)
  values (p_order_id, p_code_hmac, p_qr_token_hmac, v_now + v_ttl)
  on conflict (order_id) do update
  set
    code_hmac = excluded.code_hmac,
    qr_token_hmac = excluded.qr_token_hmac,
    expires_at = excluded.expires_at,
    attempts = 0,
    locked = false,
    last_request_id = null;
  return jsonb_build_object('success', true, 'expires_at', v_now + v_ttl);
end;
$$;
comment on function private.init_pickup is 'Store a new pickup code in the place of the old one; see the public wrapper.';
grant execute on function private.init_pickup to service_role;

create function private.is_ready_for_pickup(
  p_order public.orders, p_states public.order_state[]
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_order.state = any(p_states)
    and not p_order.refund_pending
    and exists (select from public.listings where id = p_order.listing_id and pickup);
end;
$$;
comment on function private.is_ready_for_pickup is 'Return true if the listing offers pickup, the order is in one of these states, and none of its money is on its way back.';

create function private.redeem_pickup(
  p_order_id uuid, p_user_id uuid, p_code_hmac text, p_qr_token_hmac text, p_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_pickup private.pickups;
  v_now timestamptz;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif p_user_id is distinct from v_order.buyer_id then
    return private.refusal('FORBIDDEN', 'Only the buyer can redeem a pickup code');
  end if;
  select * into v_pickup from private.pickups where order_id = p_order_id;
  if v_pickup.redeemed_at is not null then
    return private.pickup_answer();
  elsif v_pickup.id is null
    or not private.is_ready_for_pickup(v_order, '{paid,ready_for_handover,shipped}')
  then
    return private.refusal('NOT_READY', 'This order cannot be picked up now');
  elsif v_pickup.locked and v_pickup.last_request_id is distinct from p_request_id then
    return private.refusal('PICKUP_LOCKED', 'Too many wrong codes. Ask the seller for a new code');
  end if;

  v_now := private.clock();
  if v_pickup.expires_at <= v_now then
    return private.refusal('CODE_EXPIRED', 'This code has expired. Ask the seller for a new code');
  elsif not private.is_pickup_code(v_pickup, p_code_hmac, p_qr_token_hmac) then
    -- A refusal is an answer and no error, so the transaction commits the count.
    perform private.count_wrong_code(v_pickup, p_request_id);
    return private.refusal('INVALID_CODE', 'This code is not right');
  end if;
  update private.pickups set redeemed_by = p_user_id, redeemed_at = v_now
  where id = v_pickup.id;
  perform private.transition_order(p_order_id, 'delivered', p_user_id, 'buyer', 'picked_up');
  return private.pickup_answer();
end;
$$;
comment on function private.redeem_pickup is 'Redeem a pickup code once, or count a wrong one; see the public wrapper.';
grant execute on function private.redeem_pickup to service_role;

create function private.pickup_answer()
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object('success', true, 'state', 'delivered');
end;
$$;
comment on function private.pickup_answer is 'Return the answer to a redeemed code. A repeat gets the same, although the order may have moved on.';

create function private.is_pickup_code(
  p_pickup private.pickups, p_code_hmac text, p_qr_token_hmac text
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- The time of this comparison reveals nothing: without the pepper nobody can choose an HMAC, so
  -- a guess that shares a prefix with the right HMAC is not closer to the right code.
  return num_nonnulls(p_code_hmac, p_qr_token_hmac) > 0
    and coalesce(p_code_hmac = p_pickup.code_hmac, true)
    and coalesce(p_qr_token_hmac = p_pickup.qr_token_hmac, true);
end;
$$;
comment on function private.is_pickup_code is 'Return true if all that the buyer has sent, code or token or both, belongs to this pickup.';

create function private.count_wrong_code(p_pickup private.pickups, p_request_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update private.pickups
  set
    attempts = attempts + 1,
    locked = attempts + 1 >= private.setting('pickup_max_tries')::integer,
    last_request_id = p_request_id
  where id = p_pickup.id and last_request_id is distinct from p_request_id;
end;
$$;
comment on function private.count_wrong_code is 'Count a wrong try, once per request, and lock the pickup after the last one. The caller holds the lock of the order.';

create function private.save_shipment(
  p_order_id uuid, p_user_id uuid, p_carrier text, p_tracking text, p_label_url text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_carrier constant text := private.plain_line(p_carrier, 64);
  v_tracking constant text := private.plain_line(p_tracking, 64);
  v_label_url constant text := nullif(btrim(p_label_url), '');
  v_order public.orders;
  v_refusal jsonb;
  v_shipment public.shipments;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_refusal := coalesce(
    private.shipper_refusal(v_order, p_user_id),
    private.shipment_refusal(v_carrier, v_tracking, v_label_url),
    private.payment_text_refusal('carrier', v_carrier),
    private.tracking_refusal(v_tracking, v_carrier),
    private.link_refusal('label_url', v_label_url),
    private.shipping_refusal(v_order)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.shipments (order_id, carrier, tracking, label_url)
  values (p_order_id, v_carrier, v_tracking, v_label_url)
  on conflict (order_id) do update
  set
    carrier = excluded.carrier, tracking = excluded.tracking, label_url = excluded.label_url
  returning * into v_shipment;
  perform private.transition_order(p_order_id, 'shipped', p_user_id, 'seller', 'shipment_saved');
  return jsonb_build_object('success', true, 'shipment', to_jsonb(v_shipment));
end;
$$;
comment on function private.save_shipment is 'Save the parcel of an order; see the public wrapper.';
grant execute on function private.save_shipment to service_role;

create function private.shipper_refusal(p_order public.orders, p_user_id uuid)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_order.id is null then private.refusal('RESOURCE_NOT_FOUND', 'Order not found')
    when p_user_id is distinct from p_order.seller_id
      then private.refusal('FORBIDDEN', 'Only the seller can ship this order')
  end;
end;
$$;
comment on function private.shipper_refusal is 'Return the refusal of a user who is not the seller of this order, or null.';

create function private.shipping_refusal(p_order public.orders)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_order.refund_pending
      then private.refusal('CONFLICT', 'A refund of this order is still under way')
    when p_order.state not in ('paid', 'ready_for_handover', 'shipped')
      then private.state_refusal(p_order)
    when p_order.state <> 'shipped' and not private.is_shipping_offered(p_order)
      then private.refusal('SHIPPING_NOT_OFFERED', 'This listing offers pickup only')
  end;
end;
$$;
comment on function private.shipping_refusal is 'Return the reason why the shipment cannot be saved now, or null if it can.';

create function private.is_shipping_offered(p_order public.orders)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (select from public.listings where id = p_order.listing_id and shipping);
end;
$$;
comment on function private.is_shipping_offered is 'Return true if the listing of an order offers shipping. An item for pickup alone has the pickup code, because a shipped order is delivered by time.';

create function private.shipment_refusal(p_carrier text, p_tracking text, p_label_url text)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when not private.is_line_between(p_carrier, 2, 64)
      then private.field_refusal('carrier', 'Carrier must have 2 to 64 characters')
    when not private.is_line_between(p_tracking, 3, 64)
      then private.field_refusal('tracking', 'Tracking number must have 3 to 64 characters')
    -- The pages show the label as a link, so it holds only characters of an address.
    when char_length(p_label_url) > 2048 or p_label_url collate "C"
      !~ '^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][A-Za-z0-9._~:/?#@!$&''()*+,;=%\[\]-]*)?$'
      then private.field_refusal('label_url', 'Label must be an https address')
  end;
end;
$$;
comment on function private.shipment_refusal is 'Return the refusal of a field that breaks a rule, or null. The texts are cleaned already.';

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

create function private.is_line_between(p_line text, p_min_chars integer, p_max_chars integer)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    private.visible_length(p_line) >= p_min_chars and char_length(p_line) <= p_max_chars, false
  );
end;
$$;
comment on function private.is_line_between is 'Return true if a cleaned line has this many characters. A line that was too long to be cleaned is null.';

create function private.field_refusal(p_field text, p_error text)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return private.refusal('VALIDATION_ERROR', p_error) || jsonb_build_object('field', p_field);
end;
$$;
comment on function private.field_refusal is 'Return the refusal of one field of a request, with its name.';

create function private.add_shipment_event(
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
grant execute on function private.add_shipment_event to service_role;

create function private.shipment_event_refusal(
  p_status text, p_description text, p_location text, p_event_time timestamptz,
  p_now timestamptz
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when not private.is_line_between(p_status, 2, 64)
      then private.field_refusal('status', 'Status must have 2 to 64 characters')
    when not private.is_line_between(p_description, 0, 512)
      then private.field_refusal('description', 'Description must have at most 512 characters')
    when not private.is_line_between(p_location, 0, 128)
      then private.field_refusal('location', 'Location must have at most 128 characters')
    when p_event_time is null then private.field_refusal(
      'event_time', 'A time needs date and offset, as in 2026-12-02T20:00:00+11:00'
    )
    -- The clock of the carrier may be ahead of ours.
    when p_event_time > p_now + interval '15 minutes'
      then private.field_refusal('event_time', 'An event cannot lie in the future')
  end;
end;
$$;
comment on function private.shipment_event_refusal is 'Return the refusal of a field that breaks a rule, or null. The texts are cleaned already.';

create function private.follow_parcel(
  p_order public.orders, p_shipment_id uuid, p_status text, p_event_time timestamptz
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_status in ('accepted', 'in_transit') then
    update public.shipments set first_scan_at = least(first_scan_at, p_event_time)
    where id = p_shipment_id;
  elsif p_status = 'delivered' then
    update public.shipments set delivered_at = coalesce(delivered_at, p_event_time)
    where id = p_shipment_id;
    if p_order.state = 'shipped' and not p_order.refund_pending then
      -- The seller reports what the carrier did, so the actor is the system: no seller may declare
      -- an order delivered. The buyer is notified and can still open a dispute.
      perform private.transition_order(
        p_order.id, 'delivered', p_order.seller_id, 'system', 'parcel_delivered'
      );
    end if;
  end if;
end;
$$;
comment on function private.follow_parcel is 'Record the first scan and the delivery of a parcel, and move a shipped order on when its parcel is delivered. An order that is disputed or has a pending refund stays.';

-- Fulfilment: RPCs.

create function public.init_pickup(
  order_id uuid, user_id uuid, code_hmac text, qr_token_hmac text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.init_pickup(
    init_pickup.order_id, init_pickup.user_id, init_pickup.code_hmac, init_pickup.qr_token_hmac
  );
end;
$$;
comment on function public.init_pickup is 'Store the HMACs of a new pickup code for the seller of a paid order: {success, expires_at}. The old code and its wrong tries are void. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, NOT_READY.';
grant execute on function public.init_pickup to service_role;

create function public.redeem_pickup(
  order_id uuid, user_id uuid, code_hmac text, qr_token_hmac text, request_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.redeem_pickup(
    redeem_pickup.order_id,
    redeem_pickup.user_id,
    redeem_pickup.code_hmac,
    redeem_pickup.qr_token_hmac,
    redeem_pickup.request_id
  );
end;
$$;
comment on function public.redeem_pickup is 'Redeem a pickup code as the buyer: {success, state}. The order becomes delivered. A second redeem gets the same answer. A wrong code is counted, once per request_id, and the last allowed one locks the pickup until the seller makes a new code. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, NOT_READY, PICKUP_LOCKED, CODE_EXPIRED, INVALID_CODE.';
grant execute on function public.redeem_pickup to service_role;

create function public.save_shipment(
  order_id uuid, user_id uuid, carrier text, tracking text, label_url text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.save_shipment(
    save_shipment.order_id,
    save_shipment.user_id,
    save_shipment.carrier,
    save_shipment.tracking,
    save_shipment.label_url
  );
end;
$$;
comment on function public.save_shipment is 'Save the parcel of an order as its seller: {success, shipment}. The first save moves a paid order to shipped, later ones edit. An empty label_url is null. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, VALIDATION_ERROR (with field), PAYMENT_IN_TEXT (with field, start, end), CONFLICT, SHIPPING_NOT_OFFERED (pickup only).';
grant execute on function public.save_shipment to service_role;

create function public.add_shipment_event(
  order_id uuid, user_id uuid, event_id uuid, status text, description text, location text,
  event_time text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.add_shipment_event(
    add_shipment_event.order_id,
    add_shipment_event.user_id,
    add_shipment_event.event_id,
    add_shipment_event.status,
    add_shipment_event.description,
    add_shipment_event.location,
    add_shipment_event.event_time
  );
end;
$$;
comment on function public.add_shipment_event is 'Add a step of a parcel as its seller: {success, event}. The caller makes event_id, so that a repeat adds nothing. event_time is text with an offset; null is the time of the call. accepted and in_transit set the first scan. delivered moves a shipped order to delivered. Refusals: RESOURCE_NOT_FOUND (also without a shipment), FORBIDDEN, VALIDATION_ERROR (with field), PAYMENT_IN_TEXT (with field, start, end).';
grant execute on function public.add_shipment_event to service_role;

-- Fulfilment: grants and row level security.

alter table private.order_addresses enable row level security;
alter table private.pickups enable row level security;

alter table public.shipments enable row level security;
grant select (
  id, order_id, carrier, tracking, label_url, first_scan_at, delivered_at, created_at,
  updated_at
) on public.shipments to authenticated;

create policy parties_read_their_shipments on public.shipments
for select to authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all orders.
using ((
  select true from public.orders
  where orders.id = shipments.order_id
));
comment on policy parties_read_their_shipments on public.shipments is 'The parties of an order and staff read its shipment.';

alter table public.shipment_events enable row level security;
grant select (
  id, shipment_id, status, description, location, event_time, created_at
) on public.shipment_events to authenticated;

create policy parties_read_shipment_events on public.shipment_events
for select to authenticated
using ((
  select true from public.shipments
  where shipments.id = shipment_events.shipment_id
));
comment on policy parties_read_shipment_events on public.shipment_events is 'Everyone who may read the shipment reads its events.';

-- Fulfilment: triggers.

create trigger pickups_stamp_updated_at
before update on private.pickups
for each row execute function private.stamp_updated_at();

create trigger shipments_stamp_updated_at
before update on public.shipments
for each row execute function private.stamp_updated_at();
