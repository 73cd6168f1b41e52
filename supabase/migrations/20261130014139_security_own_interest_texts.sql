set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.staff_suspend_user(
  p_user_id uuid, p_reason text, p_lift boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lift constant boolean := coalesce(p_lift, false);
  v_reason constant text := private.plain_reason(p_reason);
  v_answer jsonb := private.begin_request(
    'staff_suspend_user', p_client_request_id, md5(p_user_id || ':' || v_lift)::uuid
  );
  v_user public.users;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := private.reason_refusal(p_reason);
  if v_answer is null then
    v_user := private.lock_person(p_user_id);
    -- Another admin may have taken the caller's rights during the wait for the locks.
    perform private.refuse_unless_staff();
    v_answer := coalesce(
      private.suspension_refusal(v_user, v_lift),
      case
        when v_lift then private.lift_suspension(v_user, v_reason)
        else private.suspend_user(v_user, v_reason)
      end
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

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
      v_order, v_payment, p_user_id, coalesce(p_amount_cents, v_left_cents), v_left_cents
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

comment on function public.finalize_auctions is 'Close one auction, by force even before its end, or up to 100 whose end has come: {success, result, audit_log}. result is the answer of end_auction or end_expired_auctions. Audited with this member of staff, whose rights the caller has checked. The same request_id gets the same answer. Refusals: VALIDATION_ERROR, FORBIDDEN (force by a member of staff who sells or bids there), and those of end_auction.';

comment on function public.staff_suspend_user is 'Suspend a user as staff: {success}. The sessions end, the user''s scheduled and live auctions are cancelled, and the user''s bids are withdrawn from live auctions. lift true ends the suspension; auctions and bids stay as they are. The same call again succeeds and changes nothing. Audited. Refusals: PROFILE_NOT_FOUND, FORBIDDEN (oneself, an admin unless the caller is one, or a user whose running auction the caller takes part in), VALIDATION_ERROR, REQUEST_ID_REUSED. Raises FORBIDDEN for others than staff.';
