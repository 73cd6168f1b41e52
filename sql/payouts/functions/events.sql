create function private.apply_transfer(
  p_event_id text, p_stripe_transfer_id text, p_outbox_id text, p_dedupe_key text,
  p_order_ref text, p_charge_id text, p_amount_cents bigint, p_currency text, p_reversals jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_order public.orders;
  v_change record;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  select * into v_order from public.orders
  where id = private.order_of_transfer(p_order_ref, p_charge_id) for update;
  if v_order.id is null and p_order_ref is not null then
    return private.settle_misplaced_event(p_event_id, null, p_order_ref);
  elsif v_order.id is null or p_currency is distinct from v_order.currency then
    return private.settle_event(
      p_event_id, 'ignored', v_order.id, p_alerts => '{money_without_an_order}',
      p_reason => case when v_order.id is null then 'order_id_missing' else 'currency_differs' end
    );
  elsif p_stripe_transfer_id is null or coalesce(p_amount_cents, 0) < 1 then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  elsif private.seller_base_cents(v_order.id) is null then
    raise sqlstate 'PT409' using message = 'PREDECESSOR_MISSING';
  end if;
  v_change := private.settle_transfer_and_reversals(
    v_order, p_stripe_transfer_id, p_outbox_id, p_dedupe_key, p_amount_cents, p_reversals
  );
  return private.settle_event(
    p_event_id,
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order.id,
    p_alerts => v_change.alerts
  );
end;
$$;
comment on function private.apply_transfer is 'Apply the event of a transfer; see the public wrapper.';
grant execute on function private.apply_transfer to service_role;

create function private.record_transfer(
  p_stripe_transfer_id text, p_outbox_id text, p_dedupe_key text, p_order_ref text,
  p_charge_id text, p_amount_cents bigint, p_currency text, p_reversals jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_change record;
begin
  select * into v_order from public.orders
  where id = private.order_of_transfer(p_order_ref, p_charge_id) for update;
  if v_order.id is null
    or p_stripe_transfer_id is null
    or coalesce(p_amount_cents, 0) < 1
    or p_currency is distinct from v_order.currency
    or private.seller_base_cents(v_order.id) is null
  then
    return private.effect_answer('ignored', v_order.id);
  end if;
  v_change := private.settle_transfer_and_reversals(
    v_order, p_stripe_transfer_id, p_outbox_id, p_dedupe_key, p_amount_cents, p_reversals
  );
  perform private.raise_alerts(p_stripe_transfer_id, v_change.alerts);
  return private.effect_answer(
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order.id,
    p_alerts => private.unconfirmed_alerts(p_stripe_transfer_id)
  );
end;
$$;
comment on function private.record_transfer is 'Apply the state of a transfer that was read from Stripe; see the public wrapper.';
grant execute on function private.record_transfer to service_role;

create function private.order_of_transfer(p_order_ref text, p_charge_id text)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    private.order_id_in(p_order_ref),
    (select order_id from public.payments where stripe_charge_id = p_charge_id)
  );
end;
$$;
comment on function private.order_of_transfer is 'Return the id of the order that a transfer names, or else of the order whose charge it came from, or null. There may be no such order.';

create function private.settle_transfer_and_reversals(
  p_order public.orders, p_stripe_transfer_id text, p_outbox_id text, p_dedupe_key text,
  p_amount_cents bigint, p_reversals jsonb, out is_news boolean, out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_change record;
  v_reversal jsonb;
begin
  v_change := private.settle_transfer(
    p_order, p_stripe_transfer_id, p_outbox_id, p_dedupe_key, p_amount_cents
  );
  is_news := v_change.is_news;
  alerts := v_change.alerts;
  for v_reversal in select value from jsonb_array_elements(p_reversals)
  loop
    v_change := private.settle_reversal(
      p_order,
      p_stripe_transfer_id,
      v_reversal ->> 'id',
      v_reversal ->> 'outbox_id',
      v_reversal ->> 'dedupe_key',
      (v_reversal ->> 'amount_cents')::bigint
    );
    is_news := is_news or v_change.is_news;
    alerts := alerts || v_change.alerts;
  end loop;
end;
$$;
comment on function private.settle_transfer_and_reversals is 'Apply a transfer and all of its reversals, each once.';

create function private.settle_sent_transfer(
  p_job public.outbox, p_stripe_object_id text, p_amount_cents bigint
)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_amount_cents constant bigint := coalesce(
    p_amount_cents, (p_job.payload ->> 'amount_cents')::bigint
  );
begin
  select * into v_order from public.orders where id = (p_job.payload ->> 'order_id')::uuid;
  if p_job.kind = 'transfer' then
    return (
      private.settle_transfer(
        v_order, p_stripe_object_id, p_job.id::text, p_job.dedupe_key, v_amount_cents
      )
    ).alerts;
  end if;
  return (
    private.settle_reversal(
      v_order, p_job.payload ->> 'transfer_id', p_stripe_object_id, p_job.id::text,
      p_job.dedupe_key, v_amount_cents
    )
  ).alerts;
end;
$$;
comment on function private.settle_sent_transfer is 'Apply the transfer or the reversal that Stripe made for a row, and return alerts. The caller holds the lock of the order.';

create function private.replace_refused_amount(p_job public.outbox)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_order_id constant uuid := p_job.payload ->> 'order_id';
begin
  -- An event may change the amount while Stripe refuses the call. Stripe would refuse the same
  -- amount again.
  if p_job.kind = 'transfer' then
    perform private.queue_transfer(v_order_id);
  elsif p_job.kind = 'transfer_reversal'
    and private.reversible_cents(p_job) <> (p_job.payload ->> 'amount_cents')::bigint
  then
    perform private.queue_reversal(v_order_id, p_job.payload ->> 'cause');
  end if;
end;
$$;
comment on function private.replace_refused_amount is 'Queue a transfer or a reversal again that Stripe has refused for good, if another amount is due by now. The caller holds the lock of the order.';
