set lock_timeout = '2s';
set statement_timeout = '30s';

alter policy buyers_read_their_payments on public.payments
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all orders.
using ((
  select
    orders.buyer_id = (select auth.uid())
    or (select private.is_staff()) and orders.seller_id <> (select auth.uid())
  from public.orders
  where orders.id = payments.order_id
));
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
