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
