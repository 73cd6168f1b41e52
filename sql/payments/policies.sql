alter table public.payments enable row level security;
grant select on public.payments to authenticated;

create policy parties_read_their_payments on public.payments
for select to authenticated
using (exists (
  select from public.orders
  where orders.id = payments.order_id
));
comment on policy parties_read_their_payments on public.payments is 'Whoever may read the order.';

alter table private.intent_errors enable row level security;

alter table public.refunds enable row level security;
grant select on public.refunds to authenticated;

create policy parties_read_their_refunds on public.refunds
for select to authenticated
using (exists (
  select from public.orders
  where orders.id = refunds.order_id
));
comment on policy parties_read_their_refunds on public.refunds is 'Whoever may read the order.';
