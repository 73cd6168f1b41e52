set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.settle_reversal(
  p_order public.orders, p_stripe_transfer_id text, p_stripe_reversal_id text,
  p_outbox_id text, p_dedupe_key text, p_amount_cents bigint, out is_news boolean,
  out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_job public.outbox;
begin
  alerts := '{}';
  is_news := not exists (
    select from public.ledger_entries
    where order_id = p_order.id and fact = 'reversal:' || p_stripe_reversal_id
  );
  if not is_news then
    return;
  end if;
  update public.payouts
  set
    reversed_cents = reversed_cents + p_amount_cents,
    status = case
      when reversed_cents + p_amount_cents = amount_cents then 'reversed' else 'paid'
    end::public.payout_status
  where stripe_transfer_id = p_stripe_transfer_id;
  perform private.post_reversal(
    p_order, p_stripe_transfer_id, p_stripe_reversal_id, p_amount_cents
  );
  select * into v_job from public.outbox
  where payload ->> 'order_id' = p_order.id::text
    and id::text = p_outbox_id
    and kind = 'transfer_reversal';
  perform private.complete_outbox(v_job.id, p_stripe_reversal_id);
  if v_job.id is null and not private.is_own_object(p_outbox_id, p_dedupe_key) then
    alerts := '{reversal_made_outside}';
    return;
  end if;
  if v_job.payload ? 'unpaid_since' then
    perform private.wake_transfers(p_order.seller_id);
  end if;
  -- The refund may have failed while its reversal was on the way.
  perform private.queue_transfer(p_order.id);
end;
$$;

create or replace function private.queue_transfer(p_order_id uuid)
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

create or replace function private.queue_due_transfers(p_max_rows integer)
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

create or replace function private.try_queue_transfer(p_order public.orders)
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

comment on function private.transfer_refusal is 'Return the reason why the seller of this order must not be paid now, or null. Only a caller that holds the lock of the order may rely on it.';

create or replace function private.settle_transfer(
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
