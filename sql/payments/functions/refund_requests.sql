create function private.process_refund_transaction(
  p_order_id uuid, p_amount_cents bigint, p_reason text, p_user_id uuid,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_payment public.payments;
  v_refund public.refunds;
  v_base_cents bigint;
  v_refusal jsonb;
begin
  if p_client_request_id is null then
    raise sqlstate 'PT400' using message = 'CLIENT_REQUEST_ID_MISSING';
  end if;
  select * into v_order from public.orders where id = p_order_id for update;
  select * into v_refund from public.refunds
  where idempotency_key = p_client_request_id::text;
  if v_refund.id is null then
    v_base_cents := private.seller_base_cents(p_order_id);
    v_refusal := private.refund_refusal(
      v_order, p_user_id, coalesce(p_amount_cents, v_base_cents), v_base_cents
    );
  elsif v_refund.order_id <> p_order_id then
    v_refusal := private.refusal(
      'REQUEST_ID_REUSED', 'This request id was used for something else'
    );
  end if;
  if v_refusal is not null then
    return v_refusal;
  end if;

  if v_refund.id is null then
    select * into v_payment from public.payments
    where order_id = p_order_id and settles_order for update;
    v_refund := (
      private.reserve_refund(
        v_order, v_payment, coalesce(p_amount_cents, v_base_cents), 'refunded', p_reason,
        p_user_id, p_client_request_id::text
      )
    ).refund;
  end if;
  return jsonb_build_object('success', true, 'refund_id', v_refund.id, 'status', 'pending');
end;
$$;
comment on function private.process_refund_transaction is 'Reserve a refund and have it sent; see the public wrapper.';
grant execute on function private.process_refund_transaction to service_role;

create function private.refund_refusal(
  p_order public.orders, p_user_id uuid, p_amount_cents bigint, p_base_cents bigint
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_staff constant boolean := exists (
    select from public.users
    where
      id = p_user_id
      and role in ('admin', 'moderator')
      and suspended_at is null
      and deleted_at is null
  );
begin
  if p_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif p_user_id is distinct from p_order.seller_id and not v_is_staff then
    return private.refusal('FORBIDDEN', 'Only the seller or staff can refund this order');
  elsif
    p_order.state not in ('paid', 'ready_for_handover', 'shipped', 'delivered')
    and not (p_order.state = 'released' and v_is_staff)
  then
    return private.refusal('CONFLICT', 'This order cannot be refunded as it stands');
  elsif p_amount_cents not between 1 and p_base_cents then
    return private.refusal('VALIDATION_ERROR', 'Refund must be within what is left of the payment');
  end if;
  return null;
end;
$$;
comment on function private.refund_refusal is 'Why this refund may not be reserved, or null when it may.';

create function private.reserve_refund(
  p_order public.orders, p_payment public.payments, p_amount_cents bigint,
  p_target_state public.refund_target, p_reason text, p_initiated_by uuid, p_key text,
  out refund public.refunds, out outbox_id uuid
)
language plpgsql
set search_path = ''
as $$
declare
  v_kind constant text := case when p_payment.settles_order then 'refund' else 'auto_refund' end;
begin
  insert into public.refunds (
    id, order_id, payment_id, idempotency_key, amount_cents, target_state, reason, initiated_by
  )
  values (
    -- From the key, so that a restored database makes the one that Stripe's metadata names.
    md5('refund:' || p_key)::uuid, p_order.id, p_payment.id, p_key, p_amount_cents,
    p_target_state, p_reason, p_initiated_by
  )
  returning * into refund;
  perform private.post_refund_requested(p_order, p_payment, refund);
  if p_payment.settles_order then
    update public.orders set refund_pending = true where id = p_order.id;
  end if;
  outbox_id := private.queue_outbox(
    v_kind,
    jsonb_build_object(
      'payment_intent_id', p_payment.stripe_payment_intent_id,
      'amount_cents', p_amount_cents,
      'refund_id', refund.id,
      'order_id', p_order.id
    ),
    'refund:' || p_key
  );
end;
$$;
comment on function private.reserve_refund is 'Promise money back and have the outbox send it. The caller holds order and payment, and has checked what is left.';
