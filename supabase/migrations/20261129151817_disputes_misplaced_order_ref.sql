set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.apply_dispute(
  p_event_id text, p_stripe_dispute_id text, p_payment_intent_id text, p_charge_id text,
  p_amount_cents bigint, p_currency text, p_status text, p_reason text, p_withdrawn_cents bigint,
  p_reinstated_cents bigint, p_created bigint, p_order_ref text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_intent_id text;
  v_order_id uuid;
  v_payment public.payments;
  v_change record;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  v_intent_id := private.intent_of_charge(p_payment_intent_id, p_charge_id);
  v_order_id := private.order_of_intent(v_intent_id, p_order_ref);
  if v_order_id is null then
    return private.settle_misplaced_event(p_event_id, null, p_order_ref);
  end if;
  v_payment := private.lock_disputed_payment(v_order_id, v_intent_id);
  if v_payment.id is null then
    raise sqlstate 'PT409' using message = 'PREDECESSOR_MISSING';
  end if;

  v_change := private.settle_dispute(
    v_payment,
    private.told_dispute(
      p_stripe_dispute_id, p_amount_cents, p_currency, p_status, p_reason, p_withdrawn_cents,
      p_reinstated_cents, p_created
    )
  );
  return private.settle_event(
    p_event_id,
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => v_change.alerts
  );
end;
$$;
