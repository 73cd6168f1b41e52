create function public.expire_unpaid_orders(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.expire_unpaid_orders(expire_unpaid_orders.max_rows);
end;
$$;
comment on function public.expire_unpaid_orders is 'Cancel orders that are past due, each with a strike; returns how many. One with an intent that could still be paid has that canceled first, and goes when Stripe has confirmed it.';
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
comment on function public.settle_due_orders is 'Deliver what was shipped, release what was delivered, and give back what was not handed over, when its days are over; returns how many. Never while disputed or refund_pending.';
grant execute on function public.settle_due_orders to service_role;

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
comment on function public.transition_order is 'Move an order: {success, state, updated_at, version}. The state that it has already is no move. An illegal move raises 23514, Invalid order state transition from X to Y. Refusal: RESOURCE_NOT_FOUND.';
grant execute on function public.transition_order to service_role;
