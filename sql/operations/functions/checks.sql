create function private.has_difference(p_order_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.order_checks where order_id = p_order_id and is_blocked
  );
end;
$$;
comment on function private.has_difference is 'Return true if two checks at least ten minutes apart found that the ledger of an order and Stripe disagree. Its transfers must wait.';

create function private.check_orders(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  -- Without a recent reading of Stripe's list every new entry would look like a difference.
  v_is_stripe_read constant boolean := exists (
    select from private.reading_positions
    where list = 'balance_transactions' and reached_at > v_now - interval '5 minutes'
  );
  v_check private.order_checks;
  v_count integer := 0;
  v_alerts jsonb := '[]';
  v_names text[];
begin
  for v_check in
    select * from private.order_checks
    where order_id = any(private.orders_to_check(p_max_rows, v_now))
    for update skip locked
  loop
    v_names := private.check_order(v_check, v_is_stripe_read, v_now);
    if v_names <> '{}' then
      v_alerts := v_alerts
        || jsonb_build_object('order_id', v_check.order_id, 'alerts', to_jsonb(v_names));
    end if;
    v_count := v_count + 1;
  end loop;
  return jsonb_build_object('count', v_count, 'alerts', v_alerts);
end;
$$;
comment on function private.check_orders is 'Compare orders with their ledger, and the ledger with Stripe; see the public wrapper.';
grant execute on function private.check_orders to service_role;

create function private.orders_to_check(p_max_rows integer, p_now timestamptz)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return array(
    select candidate.order_id
    from (
      -- A commit may come a little later than the time of its rows, so the last check must too.
      select last_check.order_id, 1 as rank, last_check.checked_at
      from (
        select order_id, max(created_at) as changed_at from public.ledger_entries
        where created_at > p_now - interval '1 hour'
        group by order_id
        union all
        select order_id, max(recorded_at) from private.balance_transactions
        where recorded_at > p_now - interval '1 hour'
        group by order_id
      ) as change
        join private.order_checks as last_check using (order_id)
      where last_check.checked_at <= change.changed_at + interval '30 seconds'
      union all
      select order_id, 2, checked_at from private.order_checks
      where (has_drift or differs_since is not null)
        and checked_at <= p_now - interval '30 seconds'
      union all
      (
        select order_id, 3, checked_at from private.order_checks
        where checked_at <= p_now - interval '1 hour'
        order by checked_at
        limit p_max_rows
      )
    ) as candidate
    group by candidate.order_id
    order by min(candidate.rank), min(candidate.checked_at), candidate.order_id
    limit p_max_rows
  );
end;
$$;
comment on function private.orders_to_check is 'Return the orders whose check is due: first those whose money has moved, then those that were not in order, then all others once an hour, the longest unchecked first.';

create function private.check_order(
  p_check private.order_checks, p_is_stripe_read boolean, p_now timestamptz
)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_has_drift constant boolean := exists (
    select from private.ledger_drift(p_check.order_id)
  );
  v_difference constant bigint := case
    when p_is_stripe_read then private.stripe_difference_cents(p_check.order_id)
    else p_check.difference_cents
  end;
  v_since constant timestamptz := case
    when v_difference <> 0 then coalesce(p_check.differs_since, p_now)
  end;
  v_is_blocked constant boolean := case
    when p_is_stripe_read then coalesce(v_since <= p_now - interval '10 minutes', false)
    else p_check.is_blocked
  end;
begin
  update private.order_checks
  set
    checked_at = p_now,
    has_drift = v_has_drift,
    difference_cents = v_difference,
    differs_since = v_since,
    is_blocked = v_is_blocked
  where order_id = p_check.order_id;
  return private.raise_alerts(
    p_check.order_id::text,
    case when v_has_drift and not p_check.has_drift then array['ledger_drifted'] end
    || case
      when v_is_blocked and not p_check.is_blocked then array['order_unlike_stripe']
    end
    || '{}'::text[]
  );
end;
$$;
comment on function private.check_order is 'Check one order, record the result, and return the alerts for what was in order before. A difference that has gone unblocks the order.';
