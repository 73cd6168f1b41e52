create function public.expire_unpaid_orders(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.expire_unpaid_orders(expire_unpaid_orders.max_rows);
end;
$$;
comment on function public.expire_unpaid_orders is 'Cancel unpaid orders that are past due, each with a strike for the buyer, and return their count. An intent that could still be paid is canceled first, and a later call cancels its order.';
grant execute on function public.expire_unpaid_orders to service_role;

create function public.settle_due_orders(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.settle_due_orders(settle_due_orders.max_rows);
end;
$$;
comment on function public.settle_due_orders is 'Advance orders that wait longer than the settings allow, and return their count: a shipped order is delivered, a delivered one released, one that was not handed over refunded. Orders that are disputed or refund_pending stay.';
grant execute on function public.settle_due_orders to service_role;

create function public.send_order_reminders(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.send_order_reminders(send_order_reminders.max_rows);
end;
$$;
comment on function public.send_order_reminders is 'Remind buyers reminder_before_h before their payment is due, and sellers two days before an order that was not handed over is cancelled. Each order gets a reminder once. Return their number.';
grant execute on function public.send_order_reminders to service_role;

create function public.transition_order(
  order_id uuid, to_state public.order_state, actor_id uuid, actor_kind public.actor_kind,
  reason text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.transition_order(
    transition_order.order_id,
    transition_order.to_state,
    transition_order.actor_id,
    transition_order.actor_kind,
    transition_order.reason
  );
end;
$$;
comment on function public.transition_order is 'Move an order: {success, state, updated_at, version}. A move to the state that the order has already changes nothing. An illegal move raises 23514, Invalid order state transition from X to Y. Refusal: RESOURCE_NOT_FOUND. Raises PROFILE_NOT_FOUND for an unknown actor.';
grant execute on function public.transition_order to service_role;

create function public.act_on_order(order_id uuid, user_id uuid, action text)
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

create function public.get_order(order_id uuid, user_id uuid, aal text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_order(get_order.order_id, get_order.user_id, get_order.aal);
end;
$$;
comment on function public.get_order is 'Return an order to a party or to staff: {success, order}. order holds every column, listing and listings (the same object), buyer and seller. From the payment on, the buyer of a listing with pickup gets pickup_address, and the seller of a listing with shipping gets delivery_address. aal is the strength that the user''s token names. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN.';
grant execute on function public.get_order to service_role;
