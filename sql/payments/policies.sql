alter table public.payments enable row level security;
grant select (
  id, order_id, provider, provider_ref, stripe_payment_intent_id, stripe_charge_id, status,
  amount_cents, fee_cents, capturable_amount_cents, currency, payment_method, settles_order,
  error_message, processed_at, created_at, updated_at
) on public.payments to authenticated;

create policy buyers_read_their_payments on public.payments
for select to authenticated
using (
  -- An array comes from one subquery, and the planner searches the index for it. A subquery that
  -- names the payment would run for each payment of all buyers.
  order_id = any(
    array(
      select id from public.orders
      where buyer_id = (select auth.uid())
    )
  )
  -- For staff all ids are in the range, for others none. With a boolean the planner could search no
  -- index for a request without a filter.
  or (
    id between (
      select case when private.is_staff() then '00000000-0000-0000-0000-000000000000'::uuid end
    ) and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    and order_id not in (
      select id from public.orders
      where seller_id = (select auth.uid())
    )
  )
);
comment on policy buyers_read_their_payments on public.payments is 'The buyer and staff read a payment. It says why a card was declined, so the seller, also one on the staff, sees the state of the order instead.';

alter table private.intent_errors enable row level security;

alter table public.refunds enable row level security;
grant select (
  id, order_id, payment_id, stripe_refund_id, idempotency_key, amount_cents, status,
  target_state, reason, initiated_by, created_at, updated_at, request
) on public.refunds to authenticated;

create policy parties_read_their_refunds on public.refunds
for select to authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all orders.
using ((
  select true from public.orders
  where orders.id = refunds.order_id
));
comment on policy parties_read_their_refunds on public.refunds is 'The parties of an order and staff read its refunds.';
