create function private.process_refund_transaction(
  p_order_id uuid, p_amount_cents bigint, p_reason text, p_user_id uuid,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- Only our own processes call this. They have checked the session of the user.
  return private.request_refund(
    p_order_id, null, p_amount_cents, p_reason, p_user_id,
    private.has_staff_rights(p_user_id, 'aal2'), p_client_request_id
  );
end;
$$;
comment on function private.process_refund_transaction is 'Reserve a refund of an order and queue it for sending; see the public wrapper.';
grant execute on function private.process_refund_transaction to service_role;

create function private.refund_order(
  p_order_id uuid, p_amount_cents bigint, p_user_id uuid, p_aal text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_is_staff constant boolean := private.has_staff_rights(p_user_id, p_aal);
begin
  -- Check the caller before locking, so another user's calls cannot delay the order.
  if p_user_id <> (select seller_id from public.orders where id = p_order_id)
    and not v_is_staff
  then
    return private.refusal('FORBIDDEN', 'Only the seller or staff can refund this order');
  end if;
  return private.request_refund(
    p_order_id, null, p_amount_cents, null, p_user_id, v_is_staff, p_client_request_id
  );
end;
$$;
comment on function private.refund_order is 'Reserve a refund for a signed-in user; see the public wrapper.';
grant execute on function private.refund_order to service_role;

create function private.refund_payment(
  p_payment_intent_id text, p_reason text, p_user_id uuid, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order_id uuid;
begin
  select order_id into v_order_id from public.payments
  where stripe_payment_intent_id = p_payment_intent_id;
  if v_order_id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Payment not found');
  end if;
  -- Only operators and our own processes call this. They have checked the session of the user.
  return private.request_refund(
    v_order_id, p_payment_intent_id, null, p_reason, p_user_id,
    private.has_staff_rights(p_user_id, 'aal2'), p_client_request_id
  );
end;
$$;
comment on function private.refund_payment is 'Reserve a refund of all that is left of one payment; see the public wrapper.';
grant execute on function private.refund_payment to service_role;

create function private.request_refund(
  p_order_id uuid, p_payment_intent_id text, p_amount_cents bigint, p_reason text,
  p_user_id uuid, p_is_staff boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_order public.orders;
  v_payment public.payments;
  v_left_cents bigint;
  v_answer jsonb;
  v_outbox_id uuid;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif p_client_request_id is null then
    raise sqlstate 'PT400' using message = 'CLIENT_REQUEST_ID_MISSING';
  end if;
  v_payment := private.lock_refundable_payment(v_order, p_payment_intent_id);
  v_left_cents := private.unrefunded_cents(v_payment);
  v_answer := coalesce(
    private.repeated_refund(
      p_order_id, p_payment_intent_id, p_amount_cents, p_user_id, p_client_request_id
    ),
    private.refund_refusal(
      v_order, v_payment, p_user_id, p_is_staff, coalesce(p_amount_cents, v_left_cents),
      v_left_cents
    )
  );
  if v_answer is not null then
    return v_answer;
  end if;

  v_outbox_id := private.reserve_refund(
    v_order, v_payment, coalesce(p_amount_cents, v_left_cents),
    case
      when not v_payment.settles_order then 'none'
      when v_order.state = 'cancelled' then 'cancelled'
      else 'refunded'
    end::public.refund_target,
    v_reason, p_user_id, p_client_request_id::text,
    private.refund_request(p_payment_intent_id, p_amount_cents)
  );
  if v_outbox_id is not null
    and p_user_id is not null
    and (p_user_id <> v_order.seller_id or private.is_owed_back(v_order, v_payment))
  then
    perform private.write_audit(
      p_user_id,
      case
        when private.is_owed_back(v_order, v_payment) then 'payment_refunded_again'
        else 'payment_refunded'
      end,
      'payments', v_payment.stripe_payment_intent_id,
      coalesce(v_reason, 'No reason given'),
      jsonb_build_object('order_id', p_order_id, 'request_id', p_client_request_id)
    );
  end if;
  -- Read the refund back, because a concurrent call for another order may have used this request id.
  return private.repeated_refund(
    p_order_id, p_payment_intent_id, p_amount_cents, p_user_id, p_client_request_id
  );
end;
$$;
comment on function private.request_refund is 'Reserve a refund of the payment with this intent, or of the payment that refunds of the order come from. The same request gets the same refund and its present status. p_is_staff is true if the session of the user has the rights of staff.';

create function private.refund_request(p_payment_intent_id text, p_amount_cents bigint)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'payment_intent_id', p_payment_intent_id, 'amount_cents', p_amount_cents
  );
end;
$$;
comment on function private.refund_request is 'Return what a caller asked to refund, as the refund stores it. A null amount asks for all that is left.';

create function private.lock_refundable_payment(p_order public.orders, p_payment_intent_id text)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_payment public.payments;
begin
  select payment.* into v_payment
  from public.payments as payment
  where payment.order_id = p_order.id
    and private.is_captured(payment.status)
    and (p_payment_intent_id is null or payment.stripe_payment_intent_id = p_payment_intent_id)
    and (
      p_payment_intent_id is not null
      or (payment.settles_order and not private.is_ended(p_order.state))
      or private.unrefunded_cents(payment) > 0
    )
  order by payment.settles_order desc, payment.created_at
  limit 1
  for update;
  return v_payment;
end;
$$;
comment on function private.lock_refundable_payment is 'Lock and return the payment that a refund comes from: the named one, else the settling payment, else the oldest stray that is not back. Null if there is none. The caller holds the lock of the order.';

create function private.is_ended(p_state public.order_state)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_state in ('refunded', 'cancelled');
end;
$$;
comment on function private.is_ended is 'Return true if no event moves an order out of this state. An ended order keeps no money.';

create function private.is_owed_back(p_order public.orders, p_payment public.payments)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return not p_payment.settles_order or private.is_ended(p_order.state);
end;
$$;
comment on function private.is_owed_back is 'Return true if all of a captured payment must go back to the buyer: it is a stray, or its order has ended.';

create function private.unrefunded_cents(p_payment public.payments)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refunded_cents constant bigint := coalesce((
    select sum(amount_cents) from public.refunds
    where payment_id = p_payment.id and status in ('pending', 'succeeded')
  ), 0);
begin
  return p_payment.amount_cents - v_refunded_cents - private.borne_cents(
    p_payment.amount_cents, v_refunded_cents, private.lost_cents(p_payment.id)
  );
end;
$$;
comment on function private.unrefunded_cents is 'Return the captured amount less the refunds that are pending or have succeeded and less lost disputes. Null without a payment.';

create function private.repeated_refund(
  p_order_id uuid, p_payment_intent_id text, p_amount_cents bigint, p_user_id uuid,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refund public.refunds;
begin
  select * into v_refund from public.refunds
  where idempotency_key = p_client_request_id::text;
  if v_refund.id is null then
    return null;
  elsif v_refund.order_id <> p_order_id
    or v_refund.initiated_by is distinct from p_user_id
    or v_refund.request is distinct from private.refund_request(
      p_payment_intent_id, p_amount_cents
    )
  then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return jsonb_build_object(
    'success', true, 'refund_id', v_refund.id, 'status', v_refund.status
  );
end;
$$;
comment on function private.repeated_refund is 'Return the answer to a request whose id has a refund already, or null. Another request with this id is refused. Two requests differ if one names an amount and the other asks for all that is left.';

create function private.refund_refusal(
  p_order public.orders, p_payment public.payments, p_user_id uuid, p_is_staff boolean,
  p_amount_cents bigint, p_left_cents bigint
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_owed constant boolean := coalesce(p_left_cents > 0, false)
  and private.is_owed_back(p_order, p_payment);
  -- Staff decide nothing about their own purchases and sales. As a seller they do what sellers may.
  v_is_staff constant boolean := p_is_staff
  and p_user_id not in (p_order.buyer_id, p_order.seller_id);
begin
  if p_user_id is distinct from p_order.seller_id
    and not v_is_staff
    -- Our own jobs call without a user id. They may refund only money that must go back to the
    -- buyer.
    and not (v_is_owed and p_user_id is null)
  then
    return private.refusal('FORBIDDEN', 'Only the seller or staff can refund this order');
  elsif not (
    case
      when v_is_owed then v_is_staff or p_user_id is null
      when p_order.state = 'released' then v_is_staff
      else p_order.state in ('paid', 'ready_for_handover', 'shipped', 'delivered')
    end
  ) then
    return private.refusal('CONFLICT', 'This order cannot be refunded as it stands');
  elsif private.held_cents(p_payment.id) > 0 then
    return private.refusal('CONFLICT', 'Stripe holds this money for a dispute');
  elsif coalesce(p_amount_cents not between 1 and p_left_cents, true) then
    return private.refusal('VALIDATION_ERROR', 'Refund must be within what is left of the payment');
  end if;
  return null;
end;
$$;
comment on function private.refund_refusal is 'Return the reason why this refund may not be reserved, or null if it may.';

create function private.reserve_refund(
  p_order public.orders, p_payment public.payments, p_amount_cents bigint,
  p_target_state public.refund_target, p_reason text, p_initiated_by uuid, p_key text,
  p_request jsonb default null
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_refund public.refunds;
begin
  insert into public.refunds (
    id, order_id, payment_id, idempotency_key, amount_cents, target_state, reason, initiated_by,
    request
  )
  values (
    -- The id is computed from the key, so a restored database makes the same refund again.
    md5('refund:' || p_key)::uuid, p_order.id, p_payment.id, p_key, p_amount_cents,
    p_target_state, p_reason, p_initiated_by, p_request
  )
  -- A concurrent call for another order may have used the same key.
  on conflict do nothing
  returning * into v_refund;
  if v_refund.id is null then
    return null;
  end if;

  perform private.post_refund_requested(p_order, p_payment, v_refund);
  if p_payment.settles_order then
    update public.orders set refund_pending = true where id = p_order.id;
  end if;
  return private.queue_outbox(
    case when p_payment.settles_order then 'refund' else 'auto_refund' end,
    jsonb_build_object(
      'payment_intent_id', p_payment.stripe_payment_intent_id,
      'amount_cents', p_amount_cents,
      'refund_id', v_refund.id,
      'order_id', p_order.id
    ),
    'refund:' || p_key
  );
end;
$$;
comment on function private.reserve_refund is 'Reserve a refund and queue it for sending. Return the outbox row, or null if the key has a refund already. p_request is null for a refund that no request asks for. The caller holds the locks of order and payment, and has checked the amount.';

create function private.unreturned_payments()
returns table (
  order_id uuid, payment_intent_id text, currency text, captured_cents bigint,
  unreturned_cents bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  select
    payment.order_id, payment.stripe_payment_intent_id, payment.currency, payment.amount_cents,
    private.unrefunded_cents(payment)
  from public.payments as payment
    join public.orders on payment.order_id = orders.id
  where private.is_captured(payment.status)
    and private.is_owed_back(orders, payment)
    and private.unrefunded_cents(payment) > 0
    -- Stripe refuses refunds of money that it holds.
    and private.held_cents(payment.id) = 0
  order by payment.created_at, payment.id;
end;
$$;
comment on function private.unreturned_payments is 'Return the payments that must go back and of which a part is neither refunded, pending nor lost; see the public wrapper.';
grant execute on function private.unreturned_payments to service_role;
