set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.contradicted_payouts(p_order_ids uuid[])
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
