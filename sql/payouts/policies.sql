alter table public.payouts enable row level security;
grant select (
  id, order_id, seller_id, outbox_id, stripe_transfer_id, amount_cents, reversed_cents, status,
  created_at, updated_at
) on public.payouts to authenticated;

create policy sellers_read_their_payouts on public.payouts
for select to authenticated
using (
  seller_id = (select auth.uid())
  or (select private.is_staff())
  and (
    select orders.buyer_id <> (select auth.uid()) from public.orders
    where orders.id = payouts.order_id
  )
);
comment on policy sellers_read_their_payouts on public.payouts is 'The seller and staff read a payout, but not staff who are the buyer.';

alter table private.connect_accounts enable row level security;
