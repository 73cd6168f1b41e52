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

create function private.ledger_drift(p_order_id uuid)
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
comment on function private.ledger_drift is 'Return every contradiction between the rows and the ledger of one order, or of all orders; see the public wrapper.';
grant execute on function private.ledger_drift to service_role;

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

create function private.contradiction_cents(
  p_actual_cents bigint, p_expected_cents bigint, p_amount_cents bigint
)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(p_actual_cents, case p_expected_cents when 0 then p_amount_cents else 0 end);
end;
$$;
comment on function private.contradiction_cents is 'Return the actual amount of a contradiction. A state, a flag or a text has no amount. Its amount is 0, or the whole amount if 0 is expected, so that the two differ.';

create function private.is_state_backed(
  p_state public.order_state, p_is_paid boolean, p_held_cents bigint
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_state
    when 'pending_payment' then not p_is_paid
    when 'cancelled' then p_held_cents = 0
    when 'refunded' then p_is_paid and p_held_cents = 0
    -- One lost dispute may take all the money while another is still open.
    when 'disputed' then p_is_paid
    else p_held_cents > 0
  end;
end;
$$;
comment on function private.is_state_backed is 'Return true if an order in this state may hold this much of the buyer''s money. An ended or unpaid order holds none. Every other order holds some.';

create function private.is_state_undisputed(p_state public.order_state, p_is_kept boolean)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when private.is_ended(p_state) then true
    else p_is_kept = (p_state = 'disputed')
  end;
end;
$$;
comment on function private.is_state_undisputed is 'Return true if the disputes of an order do not contradict its state: an order that has not ended is disputed while a dispute keeps it, and only then.';

create function private.is_unpaid_intent_right(p_order public.orders)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_order.stripe_payment_intent_id is null or exists (
    select from public.payments
    where order_id = p_order.id
      and stripe_payment_intent_id = p_order.stripe_payment_intent_id
      and (
        -- An order that was cancelled unpaid keeps the intent that it had.
        p_order.state = 'cancelled'
        or status in ('requires_payment', 'processing', 'authorized', 'failed')
      )
  );
end;
$$;
comment on function private.is_unpaid_intent_right is 'Return true if an unpaid order has no current intent, or one of its own that can still be paid.';

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
