set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.shipping_refusal(p_order public.orders)
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

create or replace function public.save_shipment(
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

create or replace function private.is_transition_legal(
  p_order public.orders, p_to_state public.order_state, p_actor_kind public.actor_kind
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.order_transitions as legal
    where legal.from_state = p_order.state
      and legal.to_state = p_to_state
      and p_actor_kind = any(legal.actor_kinds)
      -- While a refund is pending, only Stripe and staff move the order.
      and (not p_order.refund_pending or p_actor_kind in ('stripe', 'admin'))
      -- An order stays disputed until its last dispute ends or all its money is back.
      and (
        p_order.state <> 'disputed'
        or p_order.refunded_cents = p_order.amount_cents
        or not private.is_in_dispute(p_order.id)
      )
      and case legal.needs
        when 'money_back' then private.is_money_gone(p_order)
        when 'state_before_dispute' then p_order.state_before_dispute = p_to_state
        when 'pickup' then exists (
          select from public.listings where id = p_order.listing_id and pickup
        )
        when 'shipping' then private.is_shipping_offered(p_order)
        else true
      end
  );
end;
$$;
comment on function private.is_transition_legal is 'Return true if this kind of actor may move the order to this state now: order_transitions has such a row, and its condition in needs holds.';

create or replace function public.act_on_order(order_id uuid, user_id uuid, action text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.act_on_order(act_on_order.order_id, act_on_order.user_id, act_on_order.action);
end;
$$;
comment on function public.act_on_order is 'Let a party act on an order: {success, state, updated_at, seller_amount_cents?, refund_amount_cents?, refund_status?}. action is mark_ready, mark_shipped, confirm_delivery, release_funds, cancel or refund. A cancellation or refund of a paid order queues the refund, and the state changes when it has succeeded. A repeated action changes nothing and gets the same answer. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (not an action of this user), CONFLICT (not in this state, or a refund is under way), SHIPPING_NOT_OFFERED (pickup only).';
grant execute on function public.act_on_order to service_role;

-- The table has few rows, and only migrations change it.
-- squawk-ignore ban-drop-constraint
alter table private.order_transitions drop constraint order_transitions_needs_is_known;
-- squawk-ignore constraint-missing-not-valid
alter table private.order_transitions add constraint order_transitions_needs_is_known check (
  needs in ('pickup', 'money_back', 'state_before_dispute', 'shipping')
);
comment on table private.order_transitions is 'The legal moves of an order, with the actors that may make each. needs is a condition. pickup, shipping: the listing offers it. money_back: all captured money is refunded or lost in disputes. state_before_dispute: the move leads to the state before the dispute.';
update private.order_transitions set needs = 'shipping'
where to_state = 'shipped' and from_state in ('paid', 'ready_for_handover');
