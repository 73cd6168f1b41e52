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
