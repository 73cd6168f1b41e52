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
      -- An order with an open intent could still be paid, so the intent is canceled first.
      and stripe_payment_intent_id is null
    order by payment_due_at
    limit p_max_rows
    for update skip locked
  loop
    v_count := v_count + private.try_transition_order(v_order_id, 'cancelled', 'unpaid')::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.expire_unpaid_orders is 'Cancel orders that were not paid in time; see the public wrapper.';
grant execute on function private.expire_unpaid_orders to service_role;

create function private.try_transition_order(
  p_order_id uuid, p_to_state public.order_state, p_reason text
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  perform private.transition_order(p_order_id, p_to_state, null, 'system', p_reason);
  -- Deferred constraints fail here, in this order's block, and not at the commit of the batch.
  set constraints all immediate;
  set constraints all deferred;
  return true;
exception
  when others then
    raise warning 'order % could not become %: %', p_order_id, p_to_state, sqlerrm;
    return false;
end;
$$;
comment on function private.try_transition_order is 'Move one order of a batch, as the system. Return false and log a warning if it fails, so that one order stops no other.';

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
          -- Skip an order whose refund Stripe has refused once; staff decide about it. Otherwise
          -- such orders would in time fill every batch. These are scalar subqueries, because the
          -- planner may hash an `exists` and then reads all refunds and events.
          and (
            select true from public.refunds as r where r.idempotency_key = private.overdue_key(o.id)
          ) is null
          -- During a dispute the seller could not hand over, so the time begins anew after it.
          and (
            select true from public.order_events as e
            where e.order_id = o.id and e.from_state = 'disputed' and e.created_at > v_paid_by
            limit 1
          ) is null
        )
      )
    order by o.id
    limit p_max_rows
    for update of o skip locked
  loop
    v_count := v_count + case v_order.state
      when 'shipped' then private.try_transition_order(v_order.id, 'delivered', 'buyer_silent')
      when 'delivered' then private.try_transition_order(v_order.id, 'released', 'buyer_silent')
      else private.refund_overdue_order(v_order.id, v_now)
    end::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.settle_due_orders is 'Advance orders whose next step is overdue; see the public wrapper.';
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
comment on function private.setting_days is 'Return a setting in days as an interval.';

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
comment on function private.overdue_key is 'Return the idempotency key of the refund of an order that was not handed over. The key allows one such refund.';

create function private.refund_overdue_order(p_order_id uuid, p_now timestamptz)
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
  if private.held_cents(v_payment.id) > 0 then
    return false;
  end if;
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
    raise warning 'the refund of order % could not be queued: %', p_order_id, sqlerrm;
    return false;
end;
$$;
comment on function private.refund_overdue_order is 'Refund the buyer of an order that was not handed over in time, with a strike for the seller. The order is cancelled when the refund has succeeded. Return false and log a warning if this fails.';
