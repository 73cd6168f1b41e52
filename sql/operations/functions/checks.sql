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
  v_order_ids uuid[] := private.orders_to_check(p_max_rows, v_now);
  v_alerts jsonb;
begin
  v_order_ids := array(
    select order_id from private.order_checks
    where order_id = any(v_order_ids)
    for update skip locked
  );
  with result as materialized (
    select * from private.check_results(v_order_ids, v_now)
  ), recorded as (
    update private.order_checks as last_check
    set
      checked_at = v_now,
      has_drift = result.has_drift,
      difference_cents = result.difference_cents,
      differs_since = result.differs_since,
      is_blocked = result.is_blocked
    from result
    where last_check.order_id = result.order_id
  )
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'order_id', order_id,
        'alerts', private.raise_alerts(order_id::text, alerts)
      )
    ),
    '[]'
  )
  into v_alerts
  from result
  where alerts <> '{}';
  return jsonb_build_object('count', cardinality(v_order_ids), 'alerts', v_alerts);
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
      where last_check.checked_at <= change.changed_at + interval '5 seconds'
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
comment on function private.orders_to_check is 'Return the orders whose check is due: first those whose money has moved, then those whose last check found a fault, then all others once an hour, the longest unchecked first.';

create function private.check_results(p_order_ids uuid[], p_now timestamptz)
returns table (
  order_id uuid, has_drift boolean, difference_cents bigint, differs_since timestamptz,
  is_blocked boolean, alerts text[]
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  -- Without a recent reading of Stripe's list every new entry would look like a difference.
  v_is_stripe_read constant boolean := exists (
    select from private.reading_positions
    where list = 'balance_transactions' and reached_at > p_now - interval '5 minutes'
  );
  v_drifted_ids constant uuid[] := array(select order_id from private.drift_of(p_order_ids));
begin
  return query
  select
    last_check.order_id, found.has_drift, found.cents, found.since, found.is_blocked,
    case when found.has_drift and not last_check.has_drift then array['ledger_drifted'] end
    || case
      when found.is_blocked and not last_check.is_blocked then array['order_unlike_stripe']
    end
    || '{}'::text[]
  from private.order_checks as last_check
    join private.stripe_differences(p_order_ids) as stripe
      on last_check.order_id = stripe.order_id
    cross join lateral (
      select
        case when v_is_stripe_read then stripe.cents else last_check.difference_cents end as cents
    ) as difference
    cross join lateral (
      select
        case
          when difference.cents <> 0 then coalesce(last_check.differs_since, p_now)
        end as since
    ) as start
    cross join lateral (
      select
        last_check.order_id = any(v_drifted_ids) as has_drift,
        difference.cents,
        start.since,
        case
          when v_is_stripe_read
            then coalesce(start.since <= p_now - interval '10 minutes', false)
          else last_check.is_blocked
        end as is_blocked
    ) as found
  where last_check.order_id = any(p_order_ids);
end;
$$;
comment on function private.check_results is 'Return the result of a check of each of these orders, and an alert for each fault that the last check did not find. The end of a difference unblocks the order.';

create function private.claim_differing_orders(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids text[];
begin
  v_ids := array(
    select order_id::text from private.order_checks where differs_since is not null
  );
  return to_jsonb(array(select private.claim_checks(v_ids, p_max_rows, v_now)));
end;
$$;
comment on function private.claim_differing_orders is 'Return orders that differ from Stripe; see the public wrapper.';
grant execute on function private.claim_differing_orders to service_role;
