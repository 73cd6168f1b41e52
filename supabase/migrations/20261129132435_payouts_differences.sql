set lock_timeout = '2s';
set statement_timeout = '30s';

-- squawk-ignore ban-drop-function
drop function private.settle_misplaced_event;

create function private.settle_misplaced_event(
  p_event_id text, p_order_id uuid, p_order_ref text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if p_order_id is null then
    -- When the order is created, its events are found by the text that names it. An event about a
    -- refund or dispute does not hold it, but the intent's metadata does.
    update public.webhook_events set order_ref = p_order_ref
    where event_id = p_event_id and p_order_ref is distinct from order_ref
      and p_order_ref is not null;
    return private.settle_event(
      p_event_id, 'order_not_found', p_alerts => '{order_not_found}'
    );
  end if;
  return private.settle_event(
    p_event_id, 'ignored', p_order_id, p_alerts => '{intent_of_another_order}',
    p_reason => 'intent_of_another_order'
  );
end;
$$;
comment on function private.settle_misplaced_event is 'Settle an event that names no order of ours, or an order to which its intent does not belong.';

create or replace function private.apply_refund(
  p_event_id text, p_stripe_refund_id text, p_outbox_id text, p_payment_intent_id text,
  p_amount_cents bigint, p_status text, p_order_ref text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_order_id uuid;
  v_change record;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  v_order_id := private.order_of_intent(p_payment_intent_id, p_order_ref);
  if v_order_id is null then
    return private.settle_misplaced_event(p_event_id, null, p_order_ref);
  elsif p_stripe_refund_id is null or coalesce(p_amount_cents, 0) < 1 or p_status is null then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  perform from public.orders where id = v_order_id for update;
  if not exists (
    select from public.payments
    where stripe_payment_intent_id = p_payment_intent_id and private.is_captured(status)
  ) then
    raise sqlstate 'PT409' using message = 'PREDECESSOR_MISSING';
  end if;

  v_change := private.settle_refund(
    p_payment_intent_id, p_outbox_id, p_stripe_refund_id, p_amount_cents, p_status
  );
  if v_change.is_contradicted then
    raise sqlstate 'PT409' using message = 'REFUND_CONTRADICTED';
  end if;
  return private.settle_event(
    p_event_id,
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => v_change.alerts
  );
end;
$$;

create or replace function private.apply_transfer(
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

create or replace function private.transfer_refusal(p_order public.orders)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_order.state = 'disputed' or exists (
      select from public.disputes
      where order_id = p_order.id and status in ('open', 'under_review', 'escalated')
    ) then 'ORDER_IS_DISPUTED'
    when p_order.state <> 'released' then 'ORDER_NOT_RELEASED'
    when p_order.refund_pending then 'REFUND_IS_PENDING'
    when exists (select from private.dispute_totals(p_order.id) where held_cents > 0)
      then 'DISPUTE_HOLDS_MONEY'
    when private.due_transfer_cents(p_order) <= 0 then 'NOTHING_IS_DUE'
    when exists (select from private.ledger_drift(p_order.id)) then 'LEDGER_DRIFTED'
    when private.has_difference(p_order.id) then 'ORDER_UNLIKE_STRIPE'
  end;
end;
$$;
