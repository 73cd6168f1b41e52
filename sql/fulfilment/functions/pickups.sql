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
