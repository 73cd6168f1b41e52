create function private.expire_unpaid_orders(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_order_id uuid;
  v_count integer := 0;
begin
  perform private.cancel_overdue_intents(v_now, p_max_rows);
  for v_order_id in
    select id from public.orders
    where state = 'pending_payment'
      and payment_due_at <= v_now
      -- While an intent could still be paid the order waits for what becomes of it.
      and stripe_payment_intent_id is null
    order by payment_due_at
    limit p_max_rows
    for update skip locked
  loop
    v_count := v_count + private.step_order(v_order_id, 'cancelled', 'unpaid')::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.expire_unpaid_orders is 'Cancel what was not paid in time; see the public wrapper.';
grant execute on function private.expire_unpaid_orders to service_role;

create function private.step_order(
  p_order_id uuid, p_to_state public.order_state, p_reason text
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  perform private.transition_order(p_order_id, p_to_state, null, 'system', p_reason);
  -- What is deferred fails here, in the block of this order, and not at the commit of all.
  set constraints all immediate;
  set constraints all deferred;
  return true;
exception
  when others then
    raise warning 'order % does not become %: %', p_order_id, p_to_state, sqlerrm;
    return false;
end;
$$;
comment on function private.step_order is 'Move one order of a batch by the clock; whether it went. One that cannot holds up no other.';

create function private.settle_due_orders(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_shipped_by constant timestamptz := v_now - private.setting_days('auto_deliver_days');
  v_delivered_by constant timestamptz := v_now - private.setting_days('auto_release_days');
  v_paid_by constant timestamptz := v_now - private.setting_days('handover_due_days');
  v_order record;
  v_count integer := 0;
begin
  for v_order in
    select o.id, o.state from public.orders as o
    where not o.refund_pending
      and (
        (o.state = 'shipped' and o.shipped_at <= v_shipped_by)
        or (o.state = 'delivered' and o.delivered_at <= v_delivered_by)
        or (
          o.state in ('paid', 'ready_for_handover') and o.paid_at <= v_paid_by
          -- What Stripe has refused to give back is left to staff, who were told of it. Not only
          -- passed over below: one day it would fill the batch.
          and not exists (
            select from public.refunds as r where r.idempotency_key = private.overdue_key(o.id)
          )
        )
      )
    order by o.id
    limit p_max_rows
    for update of o skip locked
  loop
    v_count := v_count + case v_order.state
      when 'shipped' then private.step_order(v_order.id, 'delivered', 'buyer_silent')
      when 'delivered' then private.step_order(v_order.id, 'released', 'buyer_silent')
      else private.return_overdue_money(v_order.id, v_now)
    end::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.settle_due_orders is 'Move on what waits for somebody who stays silent; see the public wrapper.';
grant execute on function private.settle_due_orders to service_role;

create function private.setting_days(p_key text)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.setting(p_key)::integer * interval '24 hours';
end;
$$;
comment on function private.setting_days is 'A setting that counts days, as a span of time.';

create function private.overdue_key(p_order_id uuid)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return 'not_handed_over:' || p_order_id;
end;
$$;
comment on function private.overdue_key is 'Under which key the money of an order that was not handed over goes back, once.';

create function private.return_overdue_money(p_order_id uuid, p_now timestamptz)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_payment public.payments;
begin
  select * into v_order from public.orders where id = p_order_id;
  select * into v_payment from public.payments
  where order_id = p_order_id and settles_order for update;
  perform private.reserve_refund(
    v_order, v_payment, private.seller_base_cents(p_order_id), 'cancelled', 'not_handed_over',
    null, private.overdue_key(p_order_id)
  );
  perform private.strike(v_order.seller_id, p_order_id, 'not_handed_over', p_now);
  set constraints all immediate;
  set constraints all deferred;
  return true;
exception
  when others then
    raise warning 'order % is not given back: %', p_order_id, sqlerrm;
    return false;
end;
$$;
comment on function private.return_overdue_money is 'Have the buyer''s money sent back, as the seller did not hand over; the order is cancelled when it has arrived.';
