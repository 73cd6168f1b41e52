set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.fix_transfer(p_job public.outbox, p_order public.orders)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_due_cents constant bigint := private.due_transfer_cents(p_order);
  v_payload jsonb;
begin
  update public.payouts set amount_cents = v_due_cents where outbox_id = p_job.id;
  select
    p_job.payload || jsonb_build_object(
      'amount_cents', v_due_cents,
      'currency', payment.currency,
      'destination', seller.stripe_connect_account_id,
      'source_transaction', payment.stripe_charge_id,
      'transfer_group', p_order.id,
      -- If Stripe has made more transfers than these, the amount is out of date.
      'transferred_cents', (
        select coalesce(sum(amount_cents), 0) from public.payouts
        where order_id = p_order.id and stripe_transfer_id is not null
      )
    )
  into v_payload
  from public.payments as payment cross join public.users as seller
  where payment.order_id = p_order.id and payment.settles_order and seller.id = p_order.seller_id;
  update public.outbox set payload = v_payload where id = p_job.id;
  return v_payload;
end;
$$;
