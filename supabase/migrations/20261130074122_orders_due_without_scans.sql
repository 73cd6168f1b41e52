set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.settle_due_orders(p_max_rows integer)
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
