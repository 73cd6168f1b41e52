create function private.act_on_order(p_order_id uuid, p_user_id uuid, p_action text)
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
  elsif v_rule.needs_refund and exists (
    select from public.payments
    where order_id = p_order_id and settles_order and private.held_cents(id) > 0
  ) then
    return private.refusal('CONFLICT', 'Stripe holds this money for a dispute');
  elsif v_rule.to_state = 'shipped' and not private.is_shipping_offered(v_order) then
    return private.refusal('SHIPPING_NOT_OFFERED', 'This listing offers pickup only');
  end if;
  perform private.take_action(v_order, v_rule, p_user_id);
  return private.action_answer(p_order_id, p_action);
end;
$$;
comment on function private.act_on_order is 'Let a party act on an order; see the public wrapper.';
grant execute on function private.act_on_order to service_role;

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

create function private.is_party(p_order_id uuid, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.orders where id = p_order_id and p_user_id in (buyer_id, seller_id)
  );
end;
$$;
comment on function private.is_party is 'Return true if a user is the buyer or the seller of an order.';

create function private.is_order_open(p_order public.orders)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_order.state not in ('released', 'refunded', 'cancelled')
    or p_order.refund_pending
    or exists (
      -- Stripe may report a dispute of an order that has ended.
      select from public.disputes
      where order_id = p_order.id and private.is_dispute_open(status)
    );
end;
$$;
comment on function private.is_order_open is 'Return true if an order is unfinished, or has a refund under way or an open dispute.';

create function private.party_of(p_order public.orders, p_user_id uuid)
returns public.actor_kind
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_user_id
    when p_order.buyer_id then 'buyer'
    when p_order.seller_id then 'seller'
  end;
end;
$$;
comment on function private.party_of is 'Return buyer or seller if the user is a party of the order, otherwise null.';

create function private.is_action_done(
  p_order public.orders, p_action text, p_actor_kind public.actor_kind
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.order_actions as rule
    where rule.action = p_action
      and rule.actor_kind = p_actor_kind
      and (
        rule.to_state = p_order.state
        or (
          rule.from_state = p_order.state
          and rule.needs_refund
          and private.seller_base_cents(p_order.id) = 0
          and exists (
            select from public.refunds
            where order_id = p_order.id
              and status = 'pending'
              and target_state::text = rule.to_state::text
          )
        )
      )
  );
end;
$$;
comment on function private.is_action_done is 'Return true if the order is in the state to which this action leads, or if the refund that the action needs is queued already.';

create function private.take_action(
  p_order public.orders, p_rule private.order_actions, p_user_id uuid
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_reason constant text := format('%s_by_%s', p_rule.to_state, p_rule.actor_kind);
  v_payment public.payments;
begin
  if not p_rule.needs_refund then
    perform private.transition_order(
      p_order.id, p_rule.to_state, p_user_id, p_rule.actor_kind, v_reason
    );
    return;
  end if;
  v_payment := private.lock_refundable_payment(p_order, null);
  perform private.reserve_refund(
    p_order, v_payment, private.unrefunded_cents(v_payment),
    p_rule.to_state::text::public.refund_target, v_reason, p_user_id,
    private.action_refund_key(p_order.id, p_rule.action)
  );
end;
$$;
comment on function private.take_action is 'Move the order, or queue the refund that moves it when it has succeeded. The caller holds the lock of the order and has checked the rule.';

create function private.action_refund_key(p_order_id uuid, p_action text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  -- The key follows from the rows, so a restored database makes the same refund again and its sender
  -- finds it at Stripe. The count lets the parties act again after a refund that has failed.
  return concat_ws(':', p_action, p_order_id, (
    select count(*) from public.refunds where order_id = p_order_id
  ));
end;
$$;
comment on function private.action_refund_key is 'Return the idempotency key of the refund that an action queues.';

create function private.action_answer(p_order_id uuid, p_action text)
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
