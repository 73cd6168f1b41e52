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
comment on function public.ledger_drift is 'Every order whose books, payments, refunds and state disagree, account by account; nothing when all is well. An account orders.… is a column of the order that its payments belie.';
grant execute on function public.ledger_drift to service_role;
