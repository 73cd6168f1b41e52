create function private.queue_transfer(p_order_id uuid)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_due_cents bigint;
  v_payout public.payouts;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_due_cents := private.due_transfer_cents(v_order);
  if v_order.state is distinct from 'released' or v_order.refund_pending or v_due_cents <= 0 then
    return null;
  end if;
  select * into v_payout from public.payouts
  where order_id = p_order_id and stripe_transfer_id is null
  order by created_at desc, id
  limit 1;
  if v_payout.id is null then
    return private.add_transfer(v_order, v_due_cents);
  elsif v_payout.status = 'queued'
    -- Stripe would refuse the same amount again. Staff decide about such a row.
    or (v_payout.status = 'dead' and v_payout.amount_cents = v_due_cents)
  then
    return null;
  end if;
  -- A change of an outbox row locks its payout too, so the outbox row comes first.
  perform private.revive_outbox(v_payout.outbox_id);
  update public.payouts set amount_cents = v_due_cents where id = v_payout.id;
  return v_payout.outbox_id;
end;
$$;
comment on function private.queue_transfer is 'Queue the transfer of everything that is due to the seller of a released order, or revive its canceled row. Return the outbox row, or null if nothing had to be queued. A repeated call changes nothing.';

create function private.add_transfer(p_order public.orders, p_amount_cents bigint)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
  v_outbox_id uuid;
begin
  select count(*) into v_count from public.payouts where order_id = p_order.id;
  v_outbox_id := private.queue_outbox(
    'transfer',
    jsonb_build_object('order_id', p_order.id, 'seller_id', p_order.seller_id),
    concat_ws(':', 'transfer', p_order.id, nullif(v_count, 0) + 1)
  );
  insert into public.payouts (order_id, seller_id, outbox_id, amount_cents)
  values (p_order.id, p_order.seller_id, v_outbox_id, p_amount_cents);
  return v_outbox_id;
end;
$$;
comment on function private.add_transfer is 'Write the payout and the outbox row of a new transfer. The first of an order has the key transfer:<order>, later ones have a number after it.';

create function private.queue_due_transfers(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_count integer := 0;
begin
  for v_order in
    select orders.* from public.orders
    where orders.state = 'released'
      and not orders.refund_pending
      and orders.id in (select order_id from public.payouts where status = 'canceled')
    order by orders.released_at, orders.id
  loop
    exit when v_count >= p_max_rows;
    v_count := v_count + private.try_queue_transfer(v_order)::integer;
  end loop;
  return v_count;
end;
$$;
comment on function private.queue_due_transfers is 'Queue canceled transfers again whose reason is gone; see the public wrapper.';
grant execute on function private.queue_due_transfers to service_role;

create function private.try_queue_transfer(p_order public.orders)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  -- The claim checks again under the lock of the order. So lock only orders whose transfer is queued.
  if private.transfer_refusal(p_order) is not null then
    return false;
  end if;
  perform from public.orders where id = p_order.id for update skip locked;
  return found and private.queue_transfer(p_order.id) is not null;
exception
  when others then
    raise warning 'the transfer of order % could not be queued: %', p_order.id, sqlerrm;
    return false;
end;
$$;
comment on function private.try_queue_transfer is 'Queue the transfer of one order of a batch. Return false and log a warning if it fails, so that one order stops no other.';

create function private.transfer_refusal(p_order public.orders)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_order.state = 'disputed' or private.is_in_dispute(p_order.id)
      then 'ORDER_IS_DISPUTED'
    when p_order.state <> 'released' then 'ORDER_NOT_RELEASED'
    when p_order.refund_pending then 'REFUND_IS_PENDING'
    when exists (
      select from public.payments
      where order_id = p_order.id and settles_order and private.held_cents(id) > 0
    ) then 'DISPUTE_HOLDS_MONEY'
    when private.due_transfer_cents(p_order) <= 0 then 'NOTHING_IS_DUE'
    when exists (select from private.ledger_drift(p_order.id)) then 'LEDGER_DRIFTED'
    when private.has_difference(p_order.id) then 'ORDER_UNLIKE_STRIPE'
  end;
end;
$$;
comment on function private.transfer_refusal is 'Return the reason why the seller of this order must not be paid now, or null. Only a caller that holds the lock of the order may rely on it.';

create function private.fix_transfer(p_job public.outbox, p_order public.orders)
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
comment on function private.fix_transfer is 'Fix the amount of a transfer that is about to be sent, and return everything that Stripe needs.';

create function private.settle_transfer(
  p_order public.orders, p_stripe_transfer_id text, p_outbox_id text, p_dedupe_key text,
  p_amount_cents bigint, out is_news boolean, out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_payout public.payouts;
begin
  alerts := '{}';
  select * into v_payout from public.payouts
  where order_id = p_order.id
    and (
      stripe_transfer_id = p_stripe_transfer_id
      or (stripe_transfer_id is null and outbox_id::text = p_outbox_id)
    )
  order by stripe_transfer_id is null
  limit 1;
  is_news := v_payout.stripe_transfer_id is null;
  if not is_news then
    return;
  elsif v_payout.id is null then
    insert into public.payouts (order_id, seller_id, stripe_transfer_id, amount_cents, status)
    values (p_order.id, p_order.seller_id, p_stripe_transfer_id, p_amount_cents, 'paid');
    if not private.is_own_object(p_outbox_id, p_dedupe_key) then
      alerts := '{transfer_made_outside}';
    end if;
  else
    -- A change of an outbox row locks its payout too, so the outbox row comes first.
    perform private.complete_outbox(v_payout.outbox_id, p_stripe_transfer_id);
    update public.payouts
    set stripe_transfer_id = p_stripe_transfer_id, amount_cents = p_amount_cents, status = 'paid'
    where id = v_payout.id;
  end if;
  perform private.post_transfer(p_order, p_stripe_transfer_id, p_amount_cents);
  -- Less may be due than when the amount was fixed.
  perform private.queue_reversal(p_order.id, 'transfer:' || p_stripe_transfer_id);
end;
$$;
comment on function private.settle_transfer is 'Apply a transfer that Stripe has made, from its event or from the answer to our call. It is the row that names its outbox row, or the one with its id, or else it was made outside. The caller holds the lock of the order.';

create function private.is_own_object(p_outbox_id text, p_dedupe_key text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(private.outbox_id(p_dedupe_key)::text = p_outbox_id, false);
end;
$$;
comment on function private.is_own_object is 'Return true if the metadata of an object at Stripe are those of an outbox row of ours. A restored database may have forgotten the row.';

create function private.follow_outbox_status()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  update public.payouts
  set status = case new.status
    when 'canceled' then 'canceled'
    when 'dead' then 'dead'
    else 'queued'
  end::public.payout_status
  -- A transfer that Stripe has made stays paid.
  where outbox_id = new.id and stripe_transfer_id is null and new.status <> 'done';
  return null;
end;
$$;
comment on function private.follow_outbox_status is 'Trigger: keep the status of an unsent payout in step with its outbox row.';
