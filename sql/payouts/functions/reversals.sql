create function private.queue_reversal(p_order_id uuid, p_cause text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_excess_cents bigint;
  v_payout record;
  v_cents bigint;
begin
  if private.transferred_cents(p_order_id) = 0 then
    return;
  end if;
  select * into v_order from public.orders where id = p_order_id for update;
  v_excess_cents := private.excess_transfer_cents(v_order);
  for v_payout in
    select
      payout.stripe_transfer_id,
      payout.amount_cents - payout.reversed_cents - coalesce((
        select sum((queued.payload ->> 'amount_cents')::bigint)
        from private.queued_reversals(p_order_id) as queued
        where queued.payload ->> 'transfer_id' = payout.stripe_transfer_id
      ), 0) as left_cents
    from public.payouts as payout
    where payout.order_id = p_order_id and payout.stripe_transfer_id is not null
    order by payout.created_at desc, payout.id
  loop
    continue when v_payout.left_cents <= 0;
    exit when v_excess_cents <= 0;
    v_cents := least(v_excess_cents, v_payout.left_cents);
    perform private.add_reversal(v_order, v_payout.stripe_transfer_id, v_cents, p_cause);
    v_excess_cents := v_excess_cents - v_cents;
  end loop;
end;
$$;
comment on function private.queue_reversal is 'Queue reversals of the amount that was transferred beyond the seller''s part, the newest transfer first. It does nothing if there is no excess. The cause names a refund, a dispute or a transfer.';

create function private.add_reversal(
  p_order public.orders, p_stripe_transfer_id text, p_amount_cents bigint, p_cause text
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
begin
  select count(*) into v_count from public.outbox
  where payload ->> 'order_id' = p_order.id::text and payload ->> 'cause' = p_cause;
  perform private.queue_outbox(
    'transfer_reversal',
    jsonb_build_object(
      'order_id', p_order.id,
      'seller_id', p_order.seller_id,
      'transfer_id', p_stripe_transfer_id,
      'amount_cents', p_amount_cents,
      'cause', p_cause
    ),
    concat_ws(':', 'reversal', p_cause, nullif(v_count, 0) + 1)
  );
end;
$$;
comment on function private.add_reversal is 'Write the outbox row of a reversal. The first of a cause has the key reversal:<cause>, later ones have a number after it.';

create function private.reversible_cents(p_job public.outbox)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce((
    select least(
      (p_job.payload ->> 'amount_cents')::bigint,
      private.excess_transfer_cents(orders, p_job.id),
      payout.amount_cents - payout.reversed_cents
    )
    from public.payouts as payout
      join public.orders on payout.order_id = orders.id
    where payout.stripe_transfer_id = p_job.payload ->> 'transfer_id'
  ), 0);
end;
$$;
comment on function private.reversible_cents is 'Return the part of a queued reversal that is still in excess and not reversed yet.';

create function private.fix_reversal(p_job public.outbox)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_payload constant jsonb := p_job.payload || jsonb_build_object(
    'amount_cents', private.reversible_cents(p_job),
    -- If Stripe has reversed more than this, the amount is out of date.
    'reversed_cents', (
      select reversed_cents from public.payouts
      where stripe_transfer_id = p_job.payload ->> 'transfer_id'
    )
  );
begin
  update public.outbox set payload = v_payload where id = p_job.id;
  return v_payload;
end;
$$;
comment on function private.fix_reversal is 'Fix the amount of a reversal that is about to be sent, and return everything that Stripe needs.';

create function private.settle_reversal(
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
  -- Stripe reverses a transfer at most in full.
  if p_stripe_reversal_id is null or (p_amount_cents > 0) is not true or exists (
    select from public.payouts
    where stripe_transfer_id = p_stripe_transfer_id
      and reversed_cents + p_amount_cents > amount_cents
  ) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
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
    -- Stripe may have refused our reversal because of this one.
    perform private.queue_reversal(p_order.id, 'reversal:' || p_stripe_reversal_id);
    return;
  end if;
  if v_job.payload ? 'unpaid_since' then
    perform private.wake_transfers(p_order.seller_id);
  end if;
  -- The refund may have failed while its reversal was on the way.
  perform private.queue_transfer(p_order.id);
end;
$$;
comment on function private.settle_reversal is 'Apply a reversal that Stripe has made, from the event of its transfer or from the answer to our call. The ledger holds each reversal once. The caller holds the lock of the order.';
