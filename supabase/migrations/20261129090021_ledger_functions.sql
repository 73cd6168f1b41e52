set lock_timeout = '2s';
set statement_timeout = '30s';

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
  select * from private.contradicted_accounts(p_order_id)
  union all
  select * from private.contradicted_owners(p_order_id)
  union all
  select * from private.contradicted_orders(p_order_id)
  union all
  select * from private.contradicted_payments(p_order_id)
  union all
  select * from private.contradicted_refunds(p_order_id)
  union all
  select * from private.contradicted_history(p_order_id)
  order by 1, 2, 3;
end;
$$;
comment on function private.ledger_drift is 'Return every contradiction between the order, payments, refunds and ledger of one order, or of all orders; see the public wrapper.';
grant execute on function private.ledger_drift to service_role;

create function private.contradicted_accounts(p_order_id uuid)
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
    where p_order_id is null or order_id = p_order_id
    group by order_id, currency, account
  )
  select
    order_id, currency, account::text, coalesce(expected.cents, 0), coalesce(actual.cents, 0)
  from private.expected_balances(p_order_id) as expected
    full join actual using (order_id, currency, account)
  where coalesce(expected.cents, 0) <> coalesce(actual.cents, 0);
end;
$$;
comment on function private.contradicted_accounts is 'Return the ledger accounts that do not hold the amount that payments and refunds require.';

create function private.contradicted_owners(p_order_id uuid)
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
  where (p_order_id is null or entry.order_id = p_order_id)
    and entry.user_id is distinct from case entry.account
      when 'buyer' then orders.buyer_id
      when 'seller_payable' then orders.seller_id
    end
  group by entry.order_id, entry.currency;
end;
$$;
comment on function private.contradicted_owners is 'Return the orders whose ledger entries belong to another user than to the buyer or the seller of the order.';

create function private.expected_balances(p_order_id uuid)
returns table (order_id uuid, currency text, account public.ledger_account, cents bigint)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  with money as materialized (
    select
      payments.order_id,
      payments.currency,
      payments.amount_cents - coalesce(refunded.succeeded_cents, 0) as held_cents,
      coalesce(refunded.pending_cents, 0) as pending_cents,
      -- The fee is null for a stray and before the release, because no fee is due yet.
      case
        when payments.settles_order and orders.released_at is not null
          then private.fee_cents(
            payments.amount_cents
            - coalesce(refunded.succeeded_cents + refunded.pending_cents, 0),
            orders.platform_fee_bps
          )
      end as fee_cents
    from public.payments
      join public.orders on payments.order_id = orders.id
      left join private.refund_totals(p_order_id) as refunded
        on payments.id = refunded.payment_id
    where private.is_captured(payments.status)
      and (p_order_id is null or payments.order_id = p_order_id)
  )
  select money.order_id, money.currency, line.account, sum(line.cents)::bigint
  from money
    cross join lateral (
      values
      ('stripe_clearing'::public.ledger_account, held_cents),
      ('refunds', -pending_cents),
      ('buyer', case when fee_cents is null then pending_cents - held_cents else 0 end),
      ('seller_payable', coalesce(fee_cents + pending_cents - held_cents, 0)),
      ('platform_fee', coalesce(-fee_cents, 0))
    ) as line (account, cents)
  group by money.order_id, money.currency, line.account;
end;
$$;
comment on function private.expected_balances is 'Return the amount that each account must hold by payments and refunds, of one order or of all orders.';

create function private.refund_totals(p_order_id uuid)
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
      p_order_id is null
      or payment_id in (select id from public.payments where order_id = p_order_id)
    )
  group by payment_id;
end;
$$;
comment on function private.refund_totals is 'Return the sums of the pending and of the succeeded refunds of each payment, of one order or of all orders. A payment without such refunds has no row.';

create function private.contradicted_orders(p_order_id uuid)
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
    left join private.refund_totals(p_order_id) as refunded
      on payments.id = refunded.payment_id
    cross join lateral (
      select
        coalesce(payments.amount_cents, 0) as captured_cents,
        coalesce(refunded.succeeded_cents, 0) as returned_cents,
        coalesce(refunded.pending_cents, 0) as pending_cents,
        coalesce(payments.amount_cents - coalesce(refunded.succeeded_cents, 0), 0) as held_cents,
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
        private.is_state_backed(orders.state, payments.id is not null, money.held_cents)),
      ('orders.stripe_payment_intent_id', money.captured_cents, null,
        orders.stripe_payment_intent_id = payments.stripe_payment_intent_id
        or (payments.id is null and private.is_unpaid_intent_right(orders)))
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_id is null or orders.id = p_order_id) and claim.is_right is not true;
end;
$$;
comment on function private.contradicted_orders is 'Return the columns of orders that their settling payments and refunds contradict.';

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
    else p_held_cents > 0
  end;
end;
$$;
comment on function private.is_state_backed is 'Return true if an order in this state may hold this much of the buyer''s money. An ended or unpaid order holds none. Every other order holds some.';

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

create function private.contradicted_payments(p_order_id uuid)
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
    left join private.refund_totals(p_order_id) as refunded
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
  where (p_order_id is null or payments.order_id = p_order_id) and claim.is_right is not true;
end;
$$;
comment on function private.contradicted_payments is 'Return the columns of payments that the order, the refunds or the booked capture contradict.';

create function private.contradicted_refunds(p_order_id uuid)
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
  where (p_order_id is null or refunds.order_id = p_order_id) and not claim.is_right;
end;
$$;
comment on function private.contradicted_refunds is 'Return the columns of refunds that contradict their payment: it belongs to another order, or only a stray has no target state.';

create function private.contradicted_history(p_order_id uuid)
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
      where p_order_id is null or order_id = p_order_id
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
  where (p_order_id is null or orders.id = p_order_id) and claim.is_right is not true;
end;
$$;
comment on function private.contradicted_history is 'Return the states and times of orders that their events contradict. They have no amount, so the amount of the order stands for it.';

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

create function private.release_lines(p_base_cents bigint, p_bps integer)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('buyer', 'RELEASE', p_base_cents),
    ('seller_payable', 'RELEASE', private.fee_cents(p_base_cents, p_bps) - p_base_cents),
    ('platform_fee', 'FEE', -private.fee_cents(p_base_cents, p_bps))
  ]::private.ledger_line[];
end;
$$;
comment on function private.release_lines is 'Return the lines of a release: the unrefunded money goes to the seller, less the fee on it.';

create function private.refund_requested_lines(
  p_amount_cents bigint, p_base_cents bigint, p_bps integer
)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select case
      when p_base_cents is null then array[
        ('buyer', 'REFUND', p_amount_cents), ('refunds', 'REFUND', -p_amount_cents)
      ]::private.ledger_line[]
      else array[
        ('platform_fee', 'REFUND', given_up.fee_cents),
        ('seller_payable', 'REFUND', p_amount_cents - given_up.fee_cents),
        ('refunds', 'REFUND', -p_amount_cents)
      ]::private.ledger_line[]
    end
    from (
      select
        private.fee_cents(p_base_cents, p_bps)
        - private.fee_cents(p_base_cents - p_amount_cents, p_bps) as fee_cents
    ) as given_up
  );
end;
$$;
comment on function private.refund_requested_lines is 'Return the lines of a requested refund. Before the release, and for a stray, the base is null and we owe the buyer less. After it the seller pays, and the platform gives up its fee on the amount.';

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

create function private.reversed_lines(p_lines private.ledger_line[])
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select array_agg((line.account, line.entry_type, -line.amount_cents)::private.ledger_line)
    from unnest(p_lines) as line
  );
end;
$$;
comment on function private.reversed_lines is 'Return the same lines with the opposite sign.';

create function private.post(
  p_order public.orders, p_fact text, p_currency text, p_lines private.ledger_line[],
  p_description text, p_meta jsonb default '{}'
)
returns void
language plpgsql
set search_path = ''
as $$
begin
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
  having sum(line.amount_cents) <> 0
  on conflict (order_id, entry_type, account, fact) do nothing;
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
comment on function private.seller_base_cents is 'Return the amount that seller and platform share: the settling payment less its pending and succeeded refunds.';

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
begin
  perform private.post(
    p_order,
    'release:' || p_order.id,
    p_order.currency,
    private.release_lines(private.seller_base_cents(p_order.id), p_order.platform_fee_bps),
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
    private.refund_lines(p_order, p_payment, p_refund),
    'Refund requested'
  );
end;
$$;
comment on function private.post_refund_requested is 'Post the reservation of a refund. The row of the refund exists already.';

create function private.refund_lines(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns private.ledger_line[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_base_cents bigint;
begin
  if p_payment.settles_order and p_order.released_at is not null then
    -- Compute the fee on the amount before this refund. The base already excludes a refund that is
    -- pending or has succeeded, so add that back.
    v_base_cents := private.seller_base_cents(p_order.id) + case
      when p_refund.status in ('pending', 'succeeded') then p_refund.amount_cents else 0
    end;
  end if;
  return private.refund_requested_lines(
    p_refund.amount_cents, v_base_cents, p_order.platform_fee_bps
  );
end;
$$;
comment on function private.refund_lines is 'Return the lines that reserve this refund, or that reserved it if it has failed.';

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
    private.reversed_lines(
      private.refund_lines(p_order, p_payment, p_refund) || case
        -- The buyer's bank may return a refund after Stripe has reported its success.
        when p_had_succeeded then private.refund_succeeded_lines(p_refund.amount_cents)
      end
    ),
    'Refund failed',
    jsonb_build_object('stripe_refund_id', p_refund.stripe_refund_id)
  );
end;
$$;
comment on function private.post_refund_failed is 'Reverse the entries of a refund that failed. The money belongs to the buyer again, or after the release to seller and platform.';

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
comment on function public.ledger_drift is 'Return every contradiction between the ledger, orders, payments, refunds and order events, and no row if there is none. account is an account of the ledger, or the column that is contradicted, such as orders.state.';
grant execute on function public.ledger_drift to service_role;

alter table public.ledger_entries enable row level security;
grant select (
  id, txn_id, order_id, user_id, account, entry_type, amount_cents, currency, description, meta,
  fact, created_at
) on public.ledger_entries to authenticated;

create policy people_read_their_own_lines on public.ledger_entries
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
comment on policy people_read_their_own_lines on public.ledger_entries is 'Users read the lines of their own accounts; staff read all.';

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
