create function public.ledger_drift()
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query select * from private.ledger_drift(null);
end;
$$;
comment on function public.ledger_drift is 'Return every contradiction between the ledger, orders, payments, refunds, disputes, payouts and order events, and no row if there is none. account is an account of the ledger, or the column that is contradicted, such as orders.state.';
grant execute on function public.ledger_drift to service_role;
