set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.is_in_dispute(p_order_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (select from private.disputed_orders(array[p_order_id]));
end;
$$;

-- squawk-ignore ban-drop-function
drop function private.disputed_orders;

create function private.disputed_orders(p_order_ids uuid[])
returns table (order_id uuid)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select distinct dispute.order_id
  from public.disputes as dispute
    left join public.payments as payment on dispute.payment_id = payment.id
    left join public.refunds as refund
      on refund.idempotency_key = private.decision_key(dispute.id)
  where (p_order_ids is null or dispute.order_id = any(p_order_ids))
    -- The dispute of a stray never moves the order.
    and payment.settles_order is not false
    and (private.is_dispute_open(dispute.status) or refund.status = 'pending');
end;
$$;
comment on function private.disputed_orders is 'Return the order, or all orders, that a dispute keeps: it is open, or the refund that staff decided on is pending.';

create function private.drift_of(p_order_ids uuid[])
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select * from private.contradicted_accounts(p_order_ids)
  union all
  select * from private.contradicted_owners(p_order_ids)
  union all
  select * from private.contradicted_orders(p_order_ids)
  union all
  select * from private.contradicted_payments(p_order_ids)
  union all
  select * from private.contradicted_refunds(p_order_ids)
  union all
  select * from private.contradicted_disputes(p_order_ids)
  union all
  select * from private.contradicted_payouts(p_order_ids)
  union all
  select * from private.contradicted_history(p_order_ids)
  order by 1, 2, 3;
end;
$$;
comment on function private.drift_of is 'Return every contradiction between the order, payments, refunds, disputes, payouts and ledger of these orders, or of all orders for null.';

create or replace function private.ledger_drift(p_order_id uuid)
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select * from private.drift_of(case when p_order_id is not null then array[p_order_id] end);
end;
$$;

-- squawk-ignore ban-drop-function
drop function private.contradicted_accounts;

create function private.contradicted_accounts(p_order_ids uuid[])
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
set search_path = ''
-- A plan for one order does not fit all orders, so each call gets its own.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  with actual as (
    select order_id, currency, account, sum(amount_cents)::bigint as cents
    from public.ledger_entries
    where p_order_ids is null or order_id = any(p_order_ids)
    group by order_id, currency, account
  )
  select
    order_id, currency, account::text, coalesce(expected.cents, 0), coalesce(actual.cents, 0)
  from private.expected_balances(p_order_ids) as expected
    full join actual using (order_id, currency, account)
  where coalesce(expected.cents, 0) <> coalesce(actual.cents, 0);
end;
$$;
comment on function private.contradicted_accounts is 'Return the ledger accounts that do not hold the amount that payments, refunds, disputes and payouts require.';

-- squawk-ignore ban-drop-function
drop function private.contradicted_owners;

create function private.contradicted_owners(p_order_ids uuid[])
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
  select
    entry.order_id, entry.currency, 'ledger_entries.user_id', 0::bigint,
    sum(abs(entry.amount_cents))::bigint
  from public.ledger_entries as entry
    join public.orders on entry.order_id = orders.id
  where (p_order_ids is null or entry.order_id = any(p_order_ids))
    and entry.user_id is distinct from case entry.account
      when 'buyer' then orders.buyer_id
      when 'seller_payable' then orders.seller_id
    end
  group by entry.order_id, entry.currency;
end;
$$;
comment on function private.contradicted_owners is 'Return the orders whose ledger entries belong to another user than to the buyer or the seller of the order.';

-- squawk-ignore ban-drop-function
drop function private.expected_balances;

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

-- squawk-ignore ban-drop-function
drop function private.payment_money;

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

-- squawk-ignore ban-drop-function
drop function private.refund_totals;

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

-- squawk-ignore ban-drop-function
drop function private.dispute_totals;

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

-- squawk-ignore ban-drop-function
drop function private.payout_totals;

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

-- squawk-ignore ban-drop-function
drop function private.contradicted_orders;

create function private.contradicted_orders(p_order_ids uuid[])
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
  select
    orders.id, orders.currency, claim.account, claim.expected_cents,
    private.contradiction_cents(claim.actual_cents, claim.expected_cents, orders.amount_cents)
  from public.orders
    left join public.payments on orders.id = payments.order_id and payments.settles_order
    left join private.refund_totals(p_order_ids) as refunded
      on payments.id = refunded.payment_id
    left join private.dispute_totals(p_order_ids) as disputed
      on payments.id = disputed.payment_id
    left join private.disputed_orders(p_order_ids) as kept on orders.id = kept.order_id
    cross join lateral (
      select
        coalesce(payments.amount_cents, 0) as captured_cents,
        coalesce(refunded.succeeded_cents, 0) as returned_cents,
        coalesce(refunded.pending_cents, 0) as pending_cents,
        coalesce(
          payments.amount_cents - coalesce(refunded.succeeded_cents, 0) - private.borne_cents(
            payments.amount_cents,
            coalesce(refunded.succeeded_cents + refunded.pending_cents, 0),
            coalesce(disputed.lost_cents, 0)
          ),
          0
        ) as held_cents,
        private.fee_cents(orders.amount_cents, orders.platform_fee_bps) as fee_cents
    ) as money
    cross join lateral (
      values
      ('orders.amount_cents', money.captured_cents, orders.amount_cents,
        orders.amount_cents = payments.amount_cents
        or (payments.id is null and orders.paid_at is null)),
      ('orders.platform_fee_cents', money.fee_cents, orders.platform_fee_cents,
        orders.platform_fee_cents = money.fee_cents),
      ('orders.refunded_cents', money.returned_cents, orders.refunded_cents,
        orders.refunded_cents = money.returned_cents),
      ('orders.refund_pending', money.pending_cents, null,
        orders.refund_pending = (money.pending_cents > 0)),
      ('orders.state', money.held_cents, null,
        private.is_state_backed(orders.state, payments.id is not null, money.held_cents)
        and private.is_state_undisputed(orders.state, kept.order_id is not null)),
      ('orders.stripe_payment_intent_id', money.captured_cents, null,
        orders.stripe_payment_intent_id = payments.stripe_payment_intent_id
        or (payments.id is null and private.is_unpaid_intent_right(orders)))
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_ids is null or orders.id = any(p_order_ids)) and claim.is_right is not true;
end;
$$;
comment on function private.contradicted_orders is 'Return the columns of orders that their settling payments, refunds and disputes contradict.';

-- squawk-ignore ban-drop-function
drop function private.contradicted_payments;

create function private.contradicted_payments(p_order_ids uuid[])
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
  select
    orders.id, payments.currency, claim.account, claim.expected_cents,
    private.contradiction_cents(claim.actual_cents, claim.expected_cents, payments.amount_cents)
  from public.payments
    join public.orders on payments.order_id = orders.id
    left join private.refund_totals(p_order_ids) as refunded
      on payments.id = refunded.payment_id
    left join public.ledger_entries as booked
      on payments.order_id = booked.order_id
        and booked.entry_type = 'CAPTURE'
        and booked.account = 'stripe_clearing'
        and booked.fact = 'capture:' || payments.stripe_payment_intent_id
    cross join lateral (
      select
        coalesce(booked.amount_cents, orders.amount_cents) as amount_cents,
        coalesce(booked.currency, orders.currency) as currency,
        case when payments.settles_order then orders.platform_fee_cents else 0 end as fee_cents,
        coalesce(refunded.succeeded_cents, 0) as returned_cents,
        coalesce(refunded.pending_cents, 0) as pending_cents,
        case
          when booked.id is not null then private.captured_status(
            payments.amount_cents, coalesce(refunded.succeeded_cents, 0)
          )
        end as captured_status
    ) as money
    cross join lateral (
      values
      ('payments.amount_cents', money.amount_cents, payments.amount_cents,
        payments.amount_cents = money.amount_cents),
      ('payments.currency', 0, null, payments.currency = money.currency),
      ('payments.fee_cents', money.fee_cents, payments.fee_cents,
        booked.id is null or payments.fee_cents = money.fee_cents),
      ('payments.status', money.returned_cents, null,
        payments.status = money.captured_status
        or (booked.id is null and not private.is_captured(payments.status)
          and money.returned_cents + money.pending_cents = 0)),
      ('refunds.amount_cents', payments.amount_cents, money.returned_cents,
        money.returned_cents <= payments.amount_cents)
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_ids is null or payments.order_id = any(p_order_ids)) and claim.is_right is not true;
end;
$$;
comment on function private.contradicted_payments is 'Return the columns of payments that the order, the refunds or the booked capture contradict.';

-- squawk-ignore ban-drop-function
drop function private.contradicted_refunds;

create function private.contradicted_refunds(p_order_ids uuid[])
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
  select refunds.order_id, payments.currency, claim.account, 0::bigint, refunds.amount_cents
  from public.refunds
    join public.payments on refunds.payment_id = payments.id
    cross join lateral (
      values
      ('refunds.order_id', refunds.order_id = payments.order_id),
      ('refunds.target_state', (refunds.target_state = 'none') <> payments.settles_order)
    ) as claim (account, is_right)
  where (p_order_ids is null or refunds.order_id = any(p_order_ids)) and not claim.is_right;
end;
$$;
comment on function private.contradicted_refunds is 'Return the columns of refunds that contradict their payment: it belongs to another order, or only a stray has no target state.';

-- squawk-ignore ban-drop-function
drop function private.contradicted_history;

create function private.contradicted_history(p_order_ids uuid[])
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
  select orders.id, orders.currency, claim.account, 0::bigint, orders.amount_cents
  from public.orders
    left join (
      select
        order_id,
        array_agg(to_state) as states,
        (array_agg(to_state order by id desc))[1] as last_state,
        (array_agg(from_state order by id desc))[1] as state_before
      from public.order_events
      where p_order_ids is null or order_id = any(p_order_ids)
      group by order_id
    ) as history on orders.id = history.order_id
    cross join lateral (
      values
      ('order_events.to_state', orders.state = last_state),
      ('orders.state_before_dispute',
        orders.state <> 'disputed' or orders.state_before_dispute = state_before),
      ('orders.paid_at', (orders.paid_at is not null) = ('paid' = any(states))),
      ('orders.ready_at', (orders.ready_at is not null) = ('ready_for_handover' = any(states))),
      ('orders.shipped_at', (orders.shipped_at is not null) = ('shipped' = any(states))),
      ('orders.delivered_at', (orders.delivered_at is not null) = ('delivered' = any(states))),
      ('orders.released_at', (orders.released_at is not null) = ('released' = any(states))),
      ('orders.refunded_at', (orders.refunded_at is not null) = ('refunded' = any(states))),
      ('orders.cancelled_at', (orders.cancelled_at is not null) = ('cancelled' = any(states)))
    ) as claim (account, is_right)
  where (p_order_ids is null or orders.id = any(p_order_ids)) and claim.is_right is not true;
end;
$$;
comment on function private.contradicted_history is 'Return the states and times of orders that their events contradict. They have no amount, so the amount of the order stands for it.';

-- squawk-ignore ban-drop-function
drop function private.contradicted_disputes;

create function private.contradicted_disputes(p_order_ids uuid[])
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
  select
    dispute.order_id, dispute.currency, claim.account, claim.expected_cents,
    private.contradiction_cents(
      claim.actual_cents, claim.expected_cents, greatest(dispute.amount_cents, 1)
    )
  from public.disputes as dispute
    join public.orders on dispute.order_id = orders.id
    left join public.payments as payment on dispute.payment_id = payment.id
    left join public.refunds as refund
      on refund.idempotency_key = private.decision_key(dispute.id)
    cross join lateral (
      select
        -coalesce(sum(amount_cents) filter (where step = 'withdrawn'), 0)::bigint
          as withdrawn_cents,
        coalesce(sum(amount_cents) filter (where step = 'reinstated'), 0)::bigint
          as reinstated_cents
      from (
        select entry.amount_cents, split_part(entry.fact, ':', 3) as step
        from public.ledger_entries as entry
        where entry.order_id = dispute.order_id
          and entry.entry_type = 'HOLD'
          and entry.account = 'stripe_clearing'
          and split_part(entry.fact, ':', 2) = dispute.stripe_dispute_id
      ) as hold
    ) as posted
    cross join lateral (
      values
      ('disputes.withdrawn_cents', posted.withdrawn_cents, dispute.withdrawn_cents,
        dispute.withdrawn_cents = posted.withdrawn_cents),
      ('disputes.reinstated_cents', posted.reinstated_cents, dispute.reinstated_cents,
        dispute.reinstated_cents = posted.reinstated_cents),
      ('disputes.currency', 0, null,
        dispute.currency = coalesce(payment.currency, orders.currency)),
      ('disputes.order_id', 0, null, coalesce(dispute.order_id = payment.order_id, true)),
      ('disputes.status', 0, null, private.is_dispute_status_backed(dispute)),
      ('disputes.decision', 0, null,
        (dispute.decision is not null) = (dispute.status = 'resolved')
        and (
          dispute.decision is null
          or dispute.resolution_type = private.resolution_type_of(dispute.decision)
        )),
      ('disputes.refund_cents', coalesce(refund.amount_cents, 0), dispute.refund_cents,
        coalesce(dispute.refund_cents, 0) = coalesce(refund.amount_cents, 0)
        and coalesce(dispute.decision <> 'deny', false) = (refund.id is not null))
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_ids is null or dispute.order_id = any(p_order_ids)) and claim.is_right is not true;
end;
$$;
comment on function private.contradicted_disputes is 'Return the columns of disputes that their payment, the posted withdrawals, their status at Stripe or the decided refund contradict.';

-- squawk-ignore ban-drop-function
drop function private.contradicted_payouts;

create function private.contradicted_payouts(p_order_ids uuid[])
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
  select
    payout.order_id, orders.currency, claim.account, claim.expected_cents, claim.actual_cents
  from public.payouts as payout
    join public.orders on payout.order_id = orders.id
    cross join lateral (
      select
        coalesce(sum(amount_cents) filter (where starts_with(fact, 'transfer:')), 0)::bigint
          as transferred_cents,
        -coalesce(sum(amount_cents) filter (where starts_with(fact, 'reversal:')), 0)::bigint
          as reversed_cents
      from public.ledger_entries
      where order_id = payout.order_id
        and entry_type = 'PAYOUT'
        and account = 'seller_payable'
        and meta ->> 'stripe_transfer_id' = payout.stripe_transfer_id
    ) as posted
    cross join lateral (
      values
      ('payouts.amount_cents', posted.transferred_cents, payout.amount_cents,
        payout.stripe_transfer_id is null or payout.amount_cents = posted.transferred_cents),
      ('payouts.reversed_cents', posted.reversed_cents, payout.reversed_cents,
        payout.reversed_cents = posted.reversed_cents),
      ('payouts.seller_id', 0, payout.amount_cents, payout.seller_id = orders.seller_id)
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_ids is null or payout.order_id = any(p_order_ids)) and not claim.is_right;
end;
$$;
comment on function private.contradicted_payouts is 'Return the columns of payouts that their order or the posted transfers contradict.';

create function private.stripe_differences(p_order_ids uuid[])
returns table (order_id uuid, cents bigint)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  select orders.id, coalesce(stripe.cents, 0) - coalesce(ledger.cents, 0)
  from public.orders
    left join (
      select moved.order_id, sum(moved.amount_cents)::bigint as cents
      from private.balance_transactions as moved
        join public.orders on moved.order_id = orders.id
        left join public.payments on moved.payment_intent_id = payments.stripe_payment_intent_id
        left join public.refunds on moved.source_id = refunds.stripe_refund_id
      where moved.order_id = any(p_order_ids)
        -- Stripe books a stray in another currency after it has converted the money.
        and moved.currency = orders.currency
        and coalesce(payments.currency, orders.currency) = orders.currency
        -- Stripe books a refund at its request, and the ledger when it has succeeded.
        and refunds.status is distinct from 'pending'
      group by moved.order_id
    ) as stripe on orders.id = stripe.order_id
    left join (
      select entry.order_id, sum(entry.amount_cents)::bigint as cents
      from public.ledger_entries as entry join public.orders on entry.order_id = orders.id
      where entry.order_id = any(p_order_ids)
        and entry.account = 'stripe_clearing'
        and entry.currency = orders.currency
      group by entry.order_id
    ) as ledger on orders.id = ledger.order_id
  where orders.id = any(p_order_ids);
end;
$$;
comment on function private.stripe_differences is 'Return for each of these orders the money that Stripe has moved, less the money that its ledger shows at Stripe, in the order''s currency. Zero if both agree.';

create or replace function private.check_orders(p_max_rows integer)
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

create or replace function private.orders_to_check(p_max_rows integer, p_now timestamptz)
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
comment on function private.check_results is 'Return the result of a check of each of these orders, and the alerts for what was in order at the last check. A difference that has gone unblocks its order.';

-- squawk-ignore ban-drop-function
drop function private.stripe_difference_cents;

-- squawk-ignore ban-drop-function
drop function private.check_order;
