create function private.seller_part_cents(p_order public.orders, p_is_pending_refunded boolean)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce((
    select -(
      private.shares(
        payment.amount_cents,
        coalesce((
          select sum(refund.amount_cents) from public.refunds as refund
          where refund.payment_id = payment.id
            and (
              refund.status = 'succeeded'
              or (p_is_pending_refunded and refund.status = 'pending')
            )
        ), 0)::bigint,
        private.lost_cents(payment.id),
        p_order.platform_fee_bps,
        true
      )
    ).seller_cents
    from public.payments as payment
    where payment.order_id = p_order.id and payment.settles_order
  ), 0);
end;
$$;
comment on function private.seller_part_cents is 'Return the seller''s part of a released order: the money that is neither refunded nor lost, less the fee on it. Count pending refunds as refunded, or not.';

create function private.transferred_cents(p_order_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce((
    select sum(amount_cents - reversed_cents) from public.payouts
    where order_id = p_order_id and stripe_transfer_id is not null
  ), 0);
end;
$$;
comment on function private.transferred_cents is 'Return the money of an order that was transferred to its seller and not reversed.';

create function private.due_transfer_cents(p_order public.orders)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_order.released_at is null then
    return 0;
  end if;
  return private.seller_part_cents(p_order, true) - private.transferred_cents(p_order.id);
end;
$$;
comment on function private.due_transfer_cents is 'Return the amount that is still to be transferred to the seller. It is negative if too much was transferred.';

create function private.queued_reversals(p_order_id uuid)
returns setof public.outbox
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select * from public.outbox
  where payload ->> 'order_id' = p_order_id::text
    and kind = 'transfer_reversal'
    and (
      status in ('queued', 'leased')
      -- The seller still owes the amount of a reversal that Stripe could not collect.
      or (status = 'dead' and last_error = 'STRIPE_BALANCE_INSUFFICIENT')
    );
end;
$$;
comment on function private.queued_reversals is 'Return the rows that reverse transfers of an order and are not sent yet, or that could not be collected.';

create function private.excess_transfer_cents(p_order public.orders, p_before uuid default null)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.transferred_cents(p_order.id)
    - private.seller_part_cents(p_order, false)
    - coalesce((
      select sum((queued.payload ->> 'amount_cents')::bigint)
      from private.queued_reversals(p_order.id) as queued
      where p_before is null or (queued.created_at, queued.id) < (
        select created_at, id from public.outbox where id = p_before
      )
    ), 0);
end;
$$;
comment on function private.excess_transfer_cents is 'Return the amount that was transferred beyond the seller''s part, less the queued reversals, or less those queued before this row. A pending refund may fail, so it does not count.';
