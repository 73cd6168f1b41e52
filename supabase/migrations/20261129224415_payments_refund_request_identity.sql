set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.reserve_refund;

alter table public.refunds add column request jsonb;
grant select (request) on public.refunds to authenticated;
alter table public.refunds alter column request set statistics 0;

comment on column public.refunds.request is 'The payment and the amount that the caller named, null where none. Null for a refund that no request made.';

create or replace function private.request_refund(
  p_order_id uuid, p_payment_intent_id text, p_amount_cents bigint, p_reason text,
  p_user_id uuid, p_client_request_id uuid
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
      v_order, v_payment, p_user_id, coalesce(p_amount_cents, v_left_cents), v_left_cents
    )
  );
  if v_answer is not null then
    return v_answer;
  end if;

  perform private.reserve_refund(
    v_order, v_payment, coalesce(p_amount_cents, v_left_cents),
    case
      when not v_payment.settles_order then 'none'
      when v_order.state = 'cancelled' then 'cancelled'
      else 'refunded'
    end::public.refund_target,
    v_reason, p_user_id, p_client_request_id::text,
    private.refund_request(p_payment_intent_id, p_amount_cents)
  );
  if p_user_id is not null and private.is_owed_back(v_order, v_payment) then
    perform private.write_audit(
      p_user_id, 'payment_refunded_again', 'payments', v_payment.stripe_payment_intent_id,
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

create or replace function private.repeated_refund(
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
    or v_refund.request is distinct from private.refund_request(p_payment_intent_id, p_amount_cents)
  then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return jsonb_build_object(
    'success', true, 'refund_id', v_refund.id, 'status', v_refund.status
  );
end;
$$;

comment on function private.repeated_refund is 'Return the answer to a request whose id has a refund already, or null. Another request with this id is refused, also one that asks for all that is left after one that named the amount.';

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
