-- This migration makes the ledger work: bookings, shares, and the search for drift.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Ledger: functions.

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

create function private.fee_cents(p_amount_cents bigint, p_bps integer)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    -- numeric rounds half away from zero; floating point would not.
    select round(p_amount_cents::numeric * p_bps / 10000)::bigint
  );
end;
$$;
comment on function private.fee_cents is 'Return the platform''s fee on an amount, at a rate in hundredths of a percent.';

create function private.capture_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('stripe_clearing', 'CAPTURE', p_amount_cents), ('buyer', 'CAPTURE', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.capture_lines is 'Return the lines of a capture. Stripe holds the money, and we owe it to the buyer until the order is released.';

create function private.borne_cents(
  p_captured_cents bigint, p_refunded_cents bigint, p_lost_cents bigint
)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return greatest(least(p_lost_cents, p_captured_cents - p_refunded_cents), 0);
end;
$$;
comment on function private.borne_cents is 'Return the part of the lost disputes of a payment that its unrefunded money pays for. The platform bears the rest.';

create function private.shares(
  p_captured_cents bigint, p_refunded_cents bigint, p_lost_cents bigint, p_bps integer,
  p_is_released boolean
)
returns private.ledger_shares
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_borne_cents constant bigint := private.borne_cents(
    p_captured_cents, p_refunded_cents, p_lost_cents
  );
  v_base_cents constant bigint := p_captured_cents - p_refunded_cents - v_borne_cents;
  v_fee_cents constant bigint := private.fee_cents(v_base_cents, p_bps);
begin
  if p_is_released then
    return (
      0::bigint, v_fee_cents - v_base_cents,
      p_lost_cents - v_borne_cents - v_fee_cents
    );
  end if;
  return (-v_base_cents, 0::bigint, p_lost_cents - v_borne_cents);
end;
$$;
comment on function private.shares is 'Return the shares in a payment. The buyer owns its money until the release, then seller and platform do. The refunded amount includes pending refunds. The result depends on these amounts alone, so the sequence of events does not matter.';

create function private.share_lines(
  p_before private.ledger_shares, p_after private.ledger_shares, p_entry_type public.ledger_type
)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('buyer', p_entry_type, p_after.buyer_cents - p_before.buyer_cents),
    ('seller_payable', p_entry_type, p_after.seller_cents - p_before.seller_cents),
    (
      'platform_fee',
      case p_entry_type when 'RELEASE' then 'FEE' else p_entry_type end,
      p_after.platform_cents - p_before.platform_cents
    )
  ]::private.ledger_line[];
end;
$$;
comment on function private.share_lines is 'Return the lines that change one set of shares into another. A line may have no amount.';

create function private.refund_succeeded_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('refunds', 'REFUND', p_amount_cents), ('stripe_clearing', 'REFUND', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.refund_succeeded_lines is 'Return the lines of a refund that succeeded: the reserved money has left Stripe.';

create function private.hold_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('dispute_hold', 'HOLD', p_amount_cents), ('stripe_clearing', 'HOLD', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.hold_lines is 'Return the lines of money that Stripe withdraws for a dispute. A negative amount is reinstated.';

create function private.transfer_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('seller_payable', 'PAYOUT', p_amount_cents), ('stripe_clearing', 'PAYOUT', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.transfer_lines is 'Return the lines of a transfer to the seller. A negative amount is a reversal.';

create function private.post(
  p_order public.orders, p_fact text, p_currency text, p_lines private.ledger_line[],
  p_description text, p_meta jsonb default '{}'
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- A second posting of a fact may have lines that the first had not, and alone they do not balance.
  if exists (select from public.ledger_entries where order_id = p_order.id and fact = p_fact) then
    return;
  end if;
  insert into public.ledger_entries (
    txn_id, order_id, user_id, account, entry_type, amount_cents, currency, description, meta,
    fact
  )
  select
    posting.txn_id,
    p_order.id,
    case line.account
      when 'buyer' then p_order.buyer_id
      when 'seller_payable' then p_order.seller_id
    end,
    line.account,
    line.entry_type,
    sum(line.amount_cents),
    p_currency,
    p_description,
    p_meta,
    p_fact
  from (select gen_random_uuid() as txn_id) as posting cross join unnest(p_lines) as line
  group by posting.txn_id, line.account, line.entry_type
  having sum(line.amount_cents) <> 0;
end;
$$;
comment on function private.post is 'Post the lines of one fact under one txn_id. A fact that is posted already stays as it is. The caller holds the lock of the order.';

create function private.is_captured(p_status public.payment_status)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_status in ('captured', 'partially_refunded', 'refunded');
end;
$$;
comment on function private.is_captured is 'Return true once money was captured, even if it was refunded later.';

create function private.seller_base_cents(p_order_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select private.unrefunded_cents(payment)
    from public.payments as payment
    where payment.order_id = p_order_id and payment.settles_order
  );
end;
$$;
comment on function private.seller_base_cents is 'Return the amount that seller and platform share: the settling payment less its pending and succeeded refunds and its losses.';

create function private.lost_cents(p_payment_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce((
    select sum(withdrawn_cents - reinstated_cents) from public.disputes
    where payment_id = p_payment_id
      and private.is_dispute_lost(stripe_status, withdrawn_cents, reinstated_cents)
  ), 0);
end;
$$;
comment on function private.lost_cents is 'Return the amount that the lost disputes of a payment have cost.';

create function private.share_change_lines(
  p_order public.orders, p_payment public.payments, p_entry_type public.ledger_type,
  p_refunded_change_cents bigint, p_lost_change_cents bigint
)
returns private.ledger_line[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_released constant boolean := p_payment.settles_order and p_order.released_at is not null;
  v_lost_cents constant bigint := private.lost_cents(p_payment.id);
  v_refunded_cents bigint;
begin
  select coalesce(sum(amount_cents), 0) into v_refunded_cents from public.refunds
  where payment_id = p_payment.id and status in ('pending', 'succeeded');
  return private.share_lines(
    private.shares(
      p_payment.amount_cents,
      v_refunded_cents - p_refunded_change_cents,
      v_lost_cents - p_lost_change_cents,
      p_order.platform_fee_bps,
      v_is_released
    ),
    private.shares(
      p_payment.amount_cents, v_refunded_cents, v_lost_cents, p_order.platform_fee_bps,
      v_is_released
    ),
    p_entry_type
  );
end;
$$;
comment on function private.share_change_lines is 'Return the lines of a change that the refunds and disputes of a payment contain already, by the change in their sums.';

create function private.post_capture(
  p_order public.orders, p_payment public.payments, p_event_id text
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'capture:' || p_payment.stripe_payment_intent_id,
    p_payment.currency,
    private.capture_lines(p_payment.amount_cents),
    case when p_payment.settles_order then 'Payment' else 'Stray payment' end,
    jsonb_strip_nulls(
      jsonb_build_object('event_id', p_event_id, 'charge_id', p_payment.stripe_charge_id)
    )
  );
end;
$$;
comment on function private.post_capture is 'Post captured money in its own currency. A stray is posted too.';

create function private.post_release(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_base_cents constant bigint := private.seller_base_cents(p_order.id);
begin
  perform private.post(
    p_order,
    'release:' || p_order.id,
    p_order.currency,
    private.share_lines(
      private.shares(v_base_cents, 0, 0, p_order.platform_fee_bps, false),
      private.shares(v_base_cents, 0, 0, p_order.platform_fee_bps, true),
      'RELEASE'
    ),
    'Release to the seller'
  );
end;
$$;
comment on function private.post_release is 'Post the release of an order to the seller and the fee, once for each order.';

create function private.post_refund_requested(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'refund:' || p_refund.id || ':requested',
    p_payment.currency,
    private.refund_lines(p_order, p_payment, p_refund.amount_cents),
    'Refund requested'
  );
end;
$$;
comment on function private.post_refund_requested is 'Post the reservation of a refund. The row of the refund exists already.';

create function private.refund_lines(
  p_order public.orders, p_payment public.payments, p_change_cents bigint
)
returns private.ledger_line[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.share_change_lines(p_order, p_payment, 'REFUND', p_change_cents, 0)
  || ('refunds', 'REFUND', -p_change_cents)::private.ledger_line;
end;
$$;
comment on function private.refund_lines is 'Return the lines of a new reservation of this amount, or for a negative amount of one that ended.';

create function private.post_refund_succeeded(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'refund:' || p_refund.id || ':succeeded',
    p_payment.currency,
    private.refund_succeeded_lines(p_refund.amount_cents),
    'Refund paid out',
    jsonb_build_object('stripe_refund_id', p_refund.stripe_refund_id)
  );
end;
$$;
comment on function private.post_refund_succeeded is 'Post a refund that succeeded.';

create function private.post_refund_failed(
  p_order public.orders, p_payment public.payments, p_refund public.refunds,
  p_had_succeeded boolean
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'refund:' || p_refund.id || ':failed',
    p_payment.currency,
    private.refund_lines(p_order, p_payment, -p_refund.amount_cents) || case
      -- The buyer's bank may return a refund after Stripe has reported its success.
      when p_had_succeeded then private.refund_succeeded_lines(-p_refund.amount_cents)
    end,
    'Refund failed',
    jsonb_build_object('stripe_refund_id', p_refund.stripe_refund_id)
  );
end;
$$;
comment on function private.post_refund_failed is 'Reverse the entries of a refund that failed. The money belongs to the buyer again, or after the release to seller and platform.';

create function private.post_hold(
  p_order public.orders, p_dispute public.disputes, p_withdrawn_change_cents bigint,
  p_reinstated_change_cents bigint
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_fact constant text := 'dispute:' || p_dispute.stripe_dispute_id;
begin
  perform private.post(
    p_order,
    concat_ws(
      ':', v_fact, 'withdrawn',
      nullif(p_dispute.withdrawn_cents, p_withdrawn_change_cents)
    ),
    p_dispute.currency,
    private.hold_lines(p_withdrawn_change_cents),
    'Money withdrawn for a dispute'
  );
  perform private.post(
    p_order,
    concat_ws(
      ':', v_fact, 'reinstated',
      nullif(p_dispute.reinstated_cents, p_reinstated_change_cents)
    ),
    p_dispute.currency,
    private.hold_lines(-p_reinstated_change_cents),
    'Money of a dispute reinstated'
  );
end;
$$;
comment on function private.post_hold is 'Post the growth of the amounts that Stripe has withdrawn and reinstated for a dispute. The row contains the growth already. The first posting of each kind has no total in its fact.';

create function private.post_loss(
  p_order public.orders, p_payment public.payments, p_dispute public.disputes,
  p_change_cents bigint
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_fact constant text := 'dispute:' || p_dispute.stripe_dispute_id || ':lost';
  v_posted_count integer;
begin
  select count(distinct fact) into v_posted_count from public.ledger_entries
  where order_id = p_order.id and (fact = v_fact or starts_with(fact, v_fact || ':'));
  perform private.post(
    p_order,
    concat_ws(':', v_fact, nullif(v_posted_count, 0)),
    p_dispute.currency,
    private.share_change_lines(p_order, p_payment, 'ADJUST', 0, p_change_cents)
    || ('dispute_hold', 'ADJUST', -p_change_cents)::private.ledger_line,
    case when p_change_cents < 0 then 'Loss of a dispute reversed' else 'Dispute lost' end
  );
end;
$$;
comment on function private.post_loss is 'Post a change of the amount that a dispute has cost. The dispute''s row contains the change already.';

create function private.post_transfer(
  p_order public.orders, p_stripe_transfer_id text, p_amount_cents bigint
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'transfer:' || p_stripe_transfer_id,
    p_order.currency,
    private.transfer_lines(p_amount_cents),
    'Transfer to the seller',
    jsonb_build_object('stripe_transfer_id', p_stripe_transfer_id)
  );
end;
$$;
comment on function private.post_transfer is 'Post a transfer that Stripe has made to the seller.';

create function private.post_reversal(
  p_order public.orders, p_stripe_transfer_id text, p_stripe_reversal_id text,
  p_amount_cents bigint
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'reversal:' || p_stripe_reversal_id,
    p_order.currency,
    private.transfer_lines(-p_amount_cents),
    'Transfer reversed',
    jsonb_build_object('stripe_transfer_id', p_stripe_transfer_id)
  );
end;
$$;
comment on function private.post_reversal is 'Post a reversal that Stripe has made of a transfer.';

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

create function private.is_dispute_status_backed(p_dispute public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (p_dispute.resolved_at is not null) = not private.is_dispute_open(p_dispute.status)
    and case
      when p_dispute.stripe_status is null then p_dispute.status <> 'closed'
      else p_dispute.status = private.dispute_status(p_dispute.stripe_status)
        and p_dispute.resolution is not distinct from case
          when not private.is_stripe_dispute_open(p_dispute.stripe_status)
            then p_dispute.stripe_status
        end
    end;
end;
$$;
comment on function private.is_dispute_status_backed is 'Return true if the status of a dispute fits its end and its status at Stripe. Stripe alone closes its disputes, and staff resolve the others.';

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
    left join public.outbox as job on payout.outbox_id = job.id
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
      ('payouts.status', 0, payout.amount_cents,
        payout.stripe_transfer_id is not null or payout.status::text = case job.status
          when 'leased' then 'queued' else job.status::text
        end),
      ('payouts.seller_id', 0, payout.amount_cents, payout.seller_id = orders.seller_id)
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_ids is null or payout.order_id = any(p_order_ids)) and claim.is_right is not true;
end;
$$;
comment on function private.contradicted_payouts is 'Return the columns of payouts that their order, the posted transfers or their outbox row contradict.';

-- Ledger: RPCs.

create function public.ledger_drift()
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query select * from private.ledger_drift(null);
end;
$$;
comment on function public.ledger_drift is 'Return every contradiction between the ledger, orders, payments, refunds, disputes, payouts and order events, and no row if there is none. account is an account of the ledger, or the column that is contradicted, such as orders.state.';
grant execute on function public.ledger_drift to service_role;

-- Ledger: grants and row level security.

alter table public.ledger_entries enable row level security;
grant select (
  id, txn_id, order_id, user_id, account, entry_type, amount_cents, currency, description, meta,
  fact, created_at
) on public.ledger_entries to authenticated;

create policy people_read_their_own_lines on public.ledger_entries
for select to authenticated
using (
  user_id = (select auth.uid())
  or (select private.is_staff())
  and (
    select (select auth.uid()) not in (orders.buyer_id, orders.seller_id) from public.orders
    where orders.id = ledger_entries.order_id
  )
);
comment on policy people_read_their_own_lines on public.ledger_entries is 'Users read the lines of their own accounts. Staff read all, but of an order of their own only these.';

-- Ledger: triggers.

create function private.check_postings_balance()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if exists (
    select from public.ledger_entries
    where txn_id = new.txn_id
    group by currency
    having sum(amount_cents) <> 0
  ) then
    raise check_violation using
      message = format('Ledger transaction %s does not sum to zero', new.txn_id);
  end if;
  return null;
end;
$$;
comment on function private.check_postings_balance is 'Constraint trigger: refuse a transaction that does not sum to zero. It runs at commit with the owner''s rights, because RLS would hide entries from the caller.';

create function private.refuse_rewrite()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise restrict_violation using message = format('%s is append only', tg_relid::regclass);
end;
$$;
comment on function private.refuse_rewrite is 'Trigger: refuse every change and removal of rows, for every role.';

create constraint trigger ledger_entries_balance
after insert on public.ledger_entries
deferrable initially deferred
for each row execute function private.check_postings_balance();

create trigger ledger_entries_are_never_changed
before update or delete on public.ledger_entries
for each row execute function private.refuse_rewrite();

create trigger ledger_entries_are_never_emptied
before truncate on public.ledger_entries
for each statement execute function private.refuse_rewrite();
