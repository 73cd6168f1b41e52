create function private.expected_balances(p_order_ids uuid[])
returns table (order_id uuid, currency text, account public.ledger_account, cents bigint)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select money.order_id, money.currency, line.account, sum(line.cents)::bigint
  from private.payment_money(p_order_ids) as money
    cross join lateral (
      values
      (
        'stripe_clearing'::public.ledger_account,
        captured_cents - succeeded_cents - held_cents - lost_cents - transferred_cents
      ),
      ('refunds', -pending_cents),
      ('dispute_hold', held_cents),
      ('buyer', (shares).buyer_cents),
      ('seller_payable', (shares).seller_cents + transferred_cents),
      ('platform_fee', (shares).platform_cents)
    ) as line (account, cents)
  group by money.order_id, money.currency, line.account;
end;
$$;
comment on function private.expected_balances is 'Return the amount that each account must hold by payments, refunds, disputes and payouts, of one order or of all orders.';

create function private.payment_money(p_order_ids uuid[])
returns table (
  order_id uuid, currency text, captured_cents bigint, pending_cents bigint,
  succeeded_cents bigint, held_cents bigint, lost_cents bigint, transferred_cents bigint,
  shares private.ledger_shares
)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select
    payment.order_id, payment.currency, payment.amount_cents, money.pending_cents,
    money.succeeded_cents, money.held_cents, money.lost_cents, money.transferred_cents,
    private.shares(
      payment.amount_cents, money.succeeded_cents + money.pending_cents, money.lost_cents,
      orders.platform_fee_bps, payment.settles_order and orders.released_at is not null
    )
  from public.payments as payment
    join public.orders on payment.order_id = orders.id
    left join private.refund_totals(p_order_ids) as refunded on payment.id = refunded.payment_id
    left join private.dispute_totals(p_order_ids) as disputed on payment.id = disputed.payment_id
    left join private.payout_totals(p_order_ids) as paid_out
      on payment.settles_order and payment.order_id = paid_out.order_id
    cross join lateral (
      select
        coalesce(refunded.pending_cents, 0) as pending_cents,
        coalesce(refunded.succeeded_cents, 0) as succeeded_cents,
        coalesce(disputed.held_cents, 0) as held_cents,
        coalesce(disputed.lost_cents, 0) as lost_cents,
        coalesce(paid_out.transferred_cents, 0) as transferred_cents
    ) as money
  where private.is_captured(payment.status)
    and (p_order_ids is null or payment.order_id = any(p_order_ids));
end;
$$;
comment on function private.payment_money is 'Return the amounts of each captured payment and the shares in it. transferred_cents is what the seller has of it after reversals.';

create function private.refund_totals(p_order_ids uuid[])
returns table (payment_id uuid, pending_cents bigint, succeeded_cents bigint)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select
    payment_id,
    coalesce(sum(amount_cents) filter (where status = 'pending'), 0)::bigint,
    coalesce(sum(amount_cents) filter (where status = 'succeeded'), 0)::bigint
  from public.refunds
  where status in ('pending', 'succeeded')
    and (
      p_order_ids is null
      or payment_id in (select id from public.payments where order_id = any(p_order_ids))
    )
  group by payment_id;
end;
$$;
comment on function private.refund_totals is 'Return the sums of the pending and of the succeeded refunds of each payment, of one order or of all orders. A payment without such refunds has no row.';

create function private.dispute_totals(p_order_ids uuid[])
returns table (payment_id uuid, held_cents bigint, lost_cents bigint)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select
    payment_id,
    coalesce(sum(net_cents) filter (where not is_lost), 0)::bigint,
    coalesce(sum(net_cents) filter (where is_lost), 0)::bigint
  from (
    select
      payment_id, withdrawn_cents - reinstated_cents as net_cents,
      private.is_dispute_lost(stripe_status, withdrawn_cents, reinstated_cents) as is_lost
    from public.disputes
    where payment_id is not null and (p_order_ids is null or order_id = any(p_order_ids))
  ) as dispute
  group by payment_id;
end;
$$;
comment on function private.dispute_totals is 'Return the money that Stripe has withdrawn from each payment for disputes: held while undecided or won, and lost. A payment without disputes at Stripe has no row.';

create function private.payout_totals(p_order_ids uuid[])
returns table (order_id uuid, transferred_cents bigint)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select order_id, sum(amount_cents - reversed_cents)::bigint
  from public.payouts
  where stripe_transfer_id is not null and (p_order_ids is null or order_id = any(p_order_ids))
  group by order_id;
end;
$$;
comment on function private.payout_totals is 'Return the money of each order that was transferred to its seller and not reversed.';
