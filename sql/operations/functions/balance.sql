create function private.record_balance_transactions(p_transactions jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  if exists (
    select from jsonb_to_recordset(p_transactions) as moved (
      id text, source_id text, kind text, amount_cents bigint, currency text, created bigint
    )
    where num_nulls(id, source_id, kind, amount_cents, currency, created) > 0
  ) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  insert into private.balance_transactions (
    id, source_id, kind, amount_cents, currency, payment_intent_id, transfer_id, order_ref,
    order_id, created_at, recorded_at
  )
  select
    moved.id, moved.source_id, moved.kind, moved.amount_cents, moved.currency,
    moved.payment_intent_id, moved.transfer_id, moved.order_ref,
    private.order_of_movement(moved.payment_intent_id, moved.transfer_id, moved.order_ref),
    to_timestamp(moved.created), v_now
  from jsonb_to_recordset(p_transactions) as moved (
    id text, source_id text, kind text, amount_cents bigint, currency text,
    payment_intent_id text, transfer_id text, order_ref text, created bigint
  )
  on conflict (id) do nothing;
  get diagnostics v_count = row_count;

  -- The event about a payment or payout may come only after Stripe has moved its money.
  update private.balance_transactions as moved
  set order_id = found.order_id, recorded_at = v_now
  from (
    select id, private.order_of_movement(payment_intent_id, transfer_id, order_ref) as order_id
    from private.balance_transactions
    where order_id is null and recorded_at > v_now - interval '24 hours'
  ) as found
  where moved.id = found.id and found.order_id is not null;
  return v_count;
end;
$$;
comment on function private.record_balance_transactions is 'Record movements of our balance at Stripe; see the public wrapper.';
grant execute on function private.record_balance_transactions to service_role;

create function private.order_of_movement(
  p_payment_intent_id text, p_transfer_id text, p_order_ref text
)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    (select order_id from public.payments where stripe_payment_intent_id = p_payment_intent_id),
    (select order_id from public.payouts where stripe_transfer_id = p_transfer_id),
    (select id from public.orders where id = private.order_id_in(p_order_ref))
  );
end;
$$;
comment on function private.order_of_movement is 'Return the order that a movement at Stripe belongs to: that of its payment or payout, or else the one that its metadata names. Null if we have none.';

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
