create function private.refund_refused_strays(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_stray record;
  v_count integer := 0;
begin
  for v_stray in
    select distinct payment.order_id, payment.id as payment_id
    from public.refunds as refused
      join public.payments as payment on refused.payment_id = payment.id
    -- Only a refund that Stripe has refused has no id. One that a bank returned is left to staff.
    where refused.status = 'failed'
      and refused.stripe_refund_id is null
      and private.is_rest_of_stray_due(payment)
    order by payment.order_id, payment.id
    limit p_max_rows
  loop
    v_count := v_count
      + private.try_refund_rest_of_stray(v_stray.order_id, v_stray.payment_id)::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.refund_refused_strays is 'Refund the rest of strays again whose refund Stripe has refused; see the public wrapper.';
grant execute on function private.refund_refused_strays to service_role;

create function private.is_rest_of_stray_due(p_payment public.payments)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return not p_payment.settles_order
    and private.unrefunded_cents(p_payment) > 0
    and private.held_cents(p_payment.id) = 0
    and not exists (
      select from public.refunds where idempotency_key = private.rest_refund_key(p_payment)
    );
end;
$$;
comment on function private.is_rest_of_stray_due is 'Return true if a stray has money that Stripe can refund, and this amount of it was not requested again yet.';

create function private.rest_refund_key(p_payment public.payments)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  -- The amount is part of the key, so each amount is requested again once and no run repeats it.
  return concat_ws(
    ':', 'auto_refund', p_payment.stripe_payment_intent_id, private.unrefunded_cents(p_payment)
  );
end;
$$;
comment on function private.rest_refund_key is 'Return the idempotency key of the refund of all that is left of a stray.';

create function private.try_refund_rest_of_stray(p_order_id uuid, p_payment_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_payment public.payments;
begin
  select * into v_order from public.orders where id = p_order_id for update skip locked;
  if not found then
    return false;
  end if;
  select * into v_payment from public.payments where id = p_payment_id for update;
  if not private.is_rest_of_stray_due(v_payment) then
    return false;
  end if;
  perform private.reserve_refund(
    v_order, v_payment, private.unrefunded_cents(v_payment), 'none', 'stray_payment', null,
    private.rest_refund_key(v_payment)
  );
  set constraints all immediate;
  set constraints all deferred;
  return true;
exception
  when others then
    raise warning 'the rest of stray % could not be refunded: %', p_payment_id, sqlerrm;
    return false;
end;
$$;
comment on function private.try_refund_rest_of_stray is 'Reserve the refund of all that is left of one stray of a batch. Return false and log a warning if it fails, so that one stray stops no other.';
