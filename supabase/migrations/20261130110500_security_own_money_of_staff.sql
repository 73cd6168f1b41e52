set lock_timeout = '2s';
set statement_timeout = '30s';

alter policy buyers_read_their_payments on public.payments
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

alter policy sellers_read_their_payouts on public.payouts
using (
  seller_id = (select auth.uid())
  or (select private.is_staff())
  and (
    select orders.buyer_id <> (select auth.uid()) from public.orders
    where orders.id = payouts.order_id
  )
);
comment on policy sellers_read_their_payouts on public.payouts is 'The seller and staff read a payout, but not staff who are the buyer.';

alter policy people_read_their_own_lines on public.ledger_entries
using (
  user_id = (select auth.uid())
  or (select private.is_staff())
  and (
    select (select auth.uid()) not in (orders.buyer_id, orders.seller_id) from public.orders
    where orders.id = ledger_entries.order_id
  )
);
comment on policy people_read_their_own_lines on public.ledger_entries is 'Users read the lines of their own accounts. Staff read all, but of an order of their own only these.';
