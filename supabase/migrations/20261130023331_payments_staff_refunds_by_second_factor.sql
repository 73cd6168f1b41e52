set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.has_role;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.request_refund;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.refund_refusal;

create or replace function private.is_staff()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.has_staff_rights(auth.uid(), auth.jwt() ->> 'aal');
end;
$$;

create or replace function private.is_admin()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.holds_role(auth.uid(), auth.jwt() ->> 'aal', '{admin}');
end;
$$;

create function private.has_staff_rights(p_user_id uuid, p_aal text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.holds_role(p_user_id, p_aal, '{admin,moderator}');
end;
$$;

comment on function private.has_staff_rights is 'Return true if a session of this user has the rights of staff. Nothing else decides that. p_aal is the strength that the token of the session names.';

create or replace function private.session_is_staff(p_user_id uuid, p_session_id uuid, p_aal text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.session_is_live(p_user_id, p_session_id) || jsonb_build_object(
    'is_staff', private.has_staff_rights(p_user_id, p_aal)
  );
end;
$$;

create or replace function private.may_view_order(p_order public.orders, p_user_id uuid, p_aal text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.has_staff_rights(p_user_id, p_aal) or (
    private.party_of(p_order, p_user_id) is not null
    and not private.is_deleted_account(p_user_id)
  );
end;
$$;

create or replace function private.process_refund_transaction(
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

create or replace function private.refund_order(
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

create or replace function private.refund_payment(
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
  -- Staff decide nothing about their own purchase.
  v_is_staff constant boolean := p_is_staff and p_user_id <> p_order.buyer_id;
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
