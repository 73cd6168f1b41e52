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
