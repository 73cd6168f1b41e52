set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.release_lines;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.refund_requested_lines;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.reversed_lines;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.refund_lines;

create type private.ledger_shares as (
  buyer_cents bigint,
  seller_cents bigint,
  platform_cents bigint
);

comment on type private.ledger_shares is 'The amounts that a payment puts on the accounts buyer, seller_payable and platform_fee, transfers aside.';

create function private.is_stripe_dispute_open(p_stripe_status text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_stripe_status in (
    'warning_needs_response', 'warning_under_review', 'needs_response', 'under_review'
  );
end;
$$;

comment on function private.is_stripe_dispute_open is 'Return true if the bank has not decided yet. Every other status of Stripe ends a dispute, also one that Stripe adds later.';

create function private.is_dispute_lost(
  p_stripe_status text, p_withdrawn_cents bigint, p_reinstated_cents bigint
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when private.is_stripe_dispute_open(p_stripe_status) then false
    when p_stripe_status in ('won', 'warning_closed') then false
    when p_stripe_status = 'lost' then true
    -- Stripe ends a dispute in other ways too, such as prevented. Its balance transactions then show
    -- who got the money.
    else p_withdrawn_cents > p_reinstated_cents
  end;
end;
$$;

comment on function private.is_dispute_lost is 'Return true if a dispute at Stripe has ended and the money stays with the buyer. Null for a dispute that is not at Stripe.';

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
  select * from private.contradicted_disputes(p_order_id)
  union all
  select * from private.contradicted_payouts(p_order_id)
  union all
  select * from private.contradicted_history(p_order_id)
  order by 1, 2, 3;
end;
$$;

comment on function private.ledger_drift is 'Return every contradiction between the rows and the ledger of one order, or of all orders; see the public wrapper.';

comment on function private.contradicted_accounts is 'Return the ledger accounts that do not hold the amount that payments, refunds, disputes and payouts require.';

create or replace function private.expected_balances(p_order_id uuid)
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
  from private.payment_money(p_order_id) as money
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

create function private.payment_money(p_order_id uuid)
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
    left join private.refund_totals(p_order_id) as refunded on payment.id = refunded.payment_id
    left join private.dispute_totals(p_order_id) as disputed on payment.id = disputed.payment_id
    left join private.payout_totals(p_order_id) as paid_out
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
    and (p_order_id is null or payment.order_id = p_order_id);
end;
$$;

comment on function private.payment_money is 'Return the amounts of each captured payment and the shares in it. transferred_cents is what the seller has of it after reversals.';

create function private.dispute_totals(p_order_id uuid)
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
    where payment_id is not null and (p_order_id is null or order_id = p_order_id)
  ) as dispute
  group by payment_id;
end;
$$;

comment on function private.dispute_totals is 'Return the money that Stripe has withdrawn from each payment for disputes: held while undecided or won, and lost. A payment without disputes at Stripe has no row.';

create function private.payout_totals(p_order_id uuid)
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
  where stripe_transfer_id is not null and (p_order_id is null or order_id = p_order_id)
  group by order_id;
end;
$$;

comment on function private.payout_totals is 'Return the money of each order that was transferred to its seller and not reversed.';

create or replace function private.contradicted_orders(p_order_id uuid)
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
    left join private.dispute_totals(p_order_id) as disputed
      on payments.id = disputed.payment_id
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
        private.is_state_backed(orders.state, payments.id is not null, money.held_cents)),
      ('orders.stripe_payment_intent_id', money.captured_cents, null,
        orders.stripe_payment_intent_id = payments.stripe_payment_intent_id
        or (payments.id is null and private.is_unpaid_intent_right(orders)))
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_id is null or orders.id = p_order_id) and claim.is_right is not true;
end;
$$;

comment on function private.contradicted_orders is 'Return the columns of orders that their settling payments, refunds and disputes contradict.';

create or replace function private.is_state_backed(
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

create or replace function private.post(
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

create or replace function private.post_release(p_order public.orders)
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

create or replace function private.post_refund_requested(
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

create or replace function private.post_refund_failed(
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

create function private.contradicted_disputes(p_order_id uuid)
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
    join public.payments as payment on dispute.payment_id = payment.id
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
      ('disputes.currency', 0, null, dispute.currency = payment.currency),
      ('disputes.order_id', 0, null, dispute.order_id = payment.order_id)
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_id is null or dispute.order_id = p_order_id) and not claim.is_right;
end;
$$;

comment on function private.contradicted_disputes is 'Return the columns of Stripe''s disputes that their payment or the posted withdrawals contradict.';

create function private.contradicted_payouts(p_order_id uuid)
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
  where (p_order_id is null or payout.order_id = p_order_id) and not claim.is_right;
end;
$$;

comment on function private.contradicted_payouts is 'Return the columns of payouts that their order or the posted transfers contradict.';

create or replace function private.unrefunded_cents(p_payment public.payments)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refunded_cents constant bigint := coalesce((
    select sum(amount_cents) from public.refunds
    where payment_id = p_payment.id and status in ('pending', 'succeeded')
  ), 0);
begin
  return p_payment.amount_cents - v_refunded_cents - private.borne_cents(
    p_payment.amount_cents, v_refunded_cents, private.lost_cents(p_payment.id)
  );
end;
$$;

comment on function private.unrefunded_cents is 'Return the captured amount less the refunds that are pending or have succeeded and less lost disputes. Null without a payment.';

comment on function public.ledger_drift is 'Return every contradiction between the ledger, orders, payments, refunds, disputes, payouts and order events, and no row if there is none. account is an account of the ledger, or the column that is contradicted, such as orders.state.';
