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
