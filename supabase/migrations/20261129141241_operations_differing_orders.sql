set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.claim_differing_orders(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids text[];
begin
  v_ids := array(
    select order_id::text from private.order_checks where differs_since is not null
  );
  return to_jsonb(array(select private.claim_checks(v_ids, p_max_rows, v_now)));
end;
$$;
comment on function private.claim_differing_orders is 'Return orders that differ from Stripe; see the public wrapper.';
grant execute on function private.claim_differing_orders to service_role;

create function public.claim_differing_orders(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_differing_orders(claim_differing_orders.max_rows);
end;
$$;
comment on function public.claim_differing_orders is 'Return the ids of orders whose ledger differs from Stripe, for reading their transfers again. Each is returned at most every ten minutes, to one caller.';
grant execute on function public.claim_differing_orders to service_role;
