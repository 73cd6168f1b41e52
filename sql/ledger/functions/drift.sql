create function private.expected_balances(p_order_id uuid)
returns table (order_id uuid, currency text, account text, cents bigint)
language plpgsql
stable
set search_path = ''
-- One order or all of them: each call gets the plan that fits.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select payments.order_id, payments.currency, line.account, sum(line.cents)::bigint
  from public.payments
    join public.orders on payments.order_id = orders.id
    cross join lateral (
      select
        coalesce(sum(amount_cents) filter (where status = 'pending'), 0) as pending_cents,
        coalesce(sum(amount_cents) filter (where status = 'succeeded'), 0) as paid_out_cents
      from public.refunds
      where payment_id = payments.id
    ) as refunded
    cross join lateral (
      select payments.amount_cents - pending_cents - paid_out_cents as cents
    ) as base
    cross join lateral (
      select case
        when payments.settles_order and orders.released_at is not null
          then private.fee_cents(base.cents::bigint, orders.platform_fee_bps)
      end as cents
    ) as fee
    cross join lateral (
      values
      ('stripe_clearing', payments.amount_cents - paid_out_cents),
      ('refunds', -pending_cents),
      ('buyer', case when fee.cents is null then -base.cents else 0 end),
      ('seller_payable', coalesce(fee.cents - base.cents, 0)),
      ('platform_fee', coalesce(-fee.cents, 0))
    ) as line (account, cents)
  where private.is_captured(payments.status)
    and (p_order_id is null or payments.order_id = p_order_id)
  group by payments.order_id, payments.currency, line.account;
end;
$$;
comment on function private.expected_balances is 'What payments and refunds say that each account holds, of one order or of all. The fee is null where nothing is released: of unpaid, of held and of stray money.';

create function private.belied_columns(p_order_id uuid)
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select orders.id, orders.currency, claim.account, claim.expected_cents, claim.actual_cents
  from public.orders
    left join public.payments
      on orders.id = payments.order_id and payments.settles_order
    cross join lateral (
      values
      (
        'orders.amount_cents',
        coalesce(payments.amount_cents, 0),
        case when orders.paid_at is null then 0 else orders.amount_cents end
      ),
      (
        'orders.refunded_cents',
        coalesce((
          select sum(amount_cents)::bigint from public.refunds
          where payment_id = payments.id and status = 'succeeded'
        ), 0),
        orders.refunded_cents
      )
    ) as claim (account, expected_cents, actual_cents)
  where (p_order_id is null or orders.id = p_order_id)
    and claim.expected_cents <> claim.actual_cents;
end;
$$;
comment on function private.belied_columns is 'What an order says of its money and its payments do not.';

create function private.ledger_drift(p_order_id uuid)
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  with actual as (
    select order_id, currency, account::text as account, sum(amount_cents)::bigint as cents
    from public.ledger_entries
    where p_order_id is null or order_id = p_order_id
    group by order_id, currency, account
  )
  select order_id, currency, account, coalesce(expected.cents, 0), coalesce(actual.cents, 0)
  from private.expected_balances(p_order_id) as expected
    full join actual using (order_id, currency, account)
  where coalesce(expected.cents, 0) <> coalesce(actual.cents, 0)
  union all
  select * from private.belied_columns(p_order_id)
  order by 1, 2, 3;
end;
$$;
comment on function private.ledger_drift is 'Every account of one order, or of all, that the rows behind it belie; see the public wrapper.';
grant execute on function private.ledger_drift to service_role;
