set lock_timeout = '2s';
set statement_timeout = '30s';

alter table private.pickups add column last_request_id uuid;
comment on column private.pickups.last_request_id is 'The request of the last wrong try. The service may repeat a request, and a repeat is not counted again.';

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
comment on function private.shipper_refusal is 'Return the refusal of a user who does not sell in this order, or null.';

create function private.shipping_refusal(p_order public.orders)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_order.refund_pending
      then private.refusal('CONFLICT', 'A refund of this order is still under way')
    when p_order.state not in ('paid', 'ready_for_handover', 'shipped')
      then private.state_refusal(p_order)
  end;
end;
$$;
comment on function private.shipping_refusal is 'Return the reason why the shipment cannot be saved now, or null if it can.';

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
    private.shipment_event_refusal(v_status, v_description, v_location, v_event_time, v_now)
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

create or replace function private.action_answer(p_order_id uuid, p_action text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_order public.orders;
  v_base_cents bigint;
  v_refund public.refunds;
begin
  select * into v_order from public.orders where id = p_order_id;
  if p_action = 'release_funds' then
    v_base_cents := private.seller_base_cents(p_order_id);
  elsif p_action in ('cancel', 'refund') then
    select * into v_refund from public.refunds
    where order_id = p_order_id
      and status in ('pending', 'succeeded')
      and target_state = case p_action when 'cancel' then 'cancelled' else 'refunded' end
        ::public.refund_target
    order by status, created_at desc
    limit 1;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'success', true,
    'state', v_order.state,
    'updated_at', v_order.updated_at,
    'seller_amount_cents',
    v_base_cents - private.fee_cents(v_base_cents, v_order.platform_fee_bps),
    'refund_amount_cents', v_refund.amount_cents,
    'refund_status', v_refund.status
  ));
end;
$$;
comment on function private.action_answer is 'Return the answer to an action: the state of the order, the seller''s part after a release, the refund after a cancellation or refund.';

create or replace function private.act_on_order(p_order_id uuid, p_user_id uuid, p_action text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_kind public.actor_kind;
  v_rule private.order_actions;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_kind := private.party_of(v_order, p_user_id);
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif not exists (
    select from private.order_actions where action = p_action and actor_kind = v_kind
  ) then
    return private.refusal('FORBIDDEN', 'This action is not yours to take on this order');
  end if;

  -- The parties may press a button twice, and the service repeats a call whose answer was lost.
  if private.is_action_done(v_order, p_action, v_kind) then
    return private.action_answer(p_order_id, p_action);
  end if;
  select * into v_rule from private.order_actions
  where action = p_action and actor_kind = v_kind and from_state = v_order.state;
  if v_rule.action is null then
    return private.state_refusal(v_order);
  elsif v_order.refund_pending then
    return private.refusal('CONFLICT', 'A refund of this order is still under way');
  end if;
  perform private.take_action(v_order, v_rule, p_user_id);
  return private.action_answer(p_order_id, p_action);
end;
$$;
comment on function private.act_on_order is 'Let a party act on an order; see the public wrapper.';

create function private.state_refusal(p_order public.orders)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return private.refusal(
    'CONFLICT',
    format('This is not possible while the order is %s', replace(p_order.state::text, '_', ' '))
  );
end;
$$;
comment on function private.state_refusal is 'Return the refusal of an action that the state of the order does not allow.';

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
comment on function public.save_shipment is 'Save the parcel of an order as its seller: {success, shipment}. The first save moves a paid order to shipped, later ones edit. An empty label_url is null. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, VALIDATION_ERROR (with field), CONFLICT.';

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
comment on function public.add_shipment_event is 'Add a step of a parcel as its seller: {success, event}. The caller makes event_id, so that a repeat adds nothing. event_time is text with an offset; null is the time of the call. accepted and in_transit set the first scan. delivered moves a shipped order to delivered. Refusals: RESOURCE_NOT_FOUND (also without a shipment), FORBIDDEN, VALIDATION_ERROR (with field).';

grant execute on function public.add_shipment_event to service_role;
