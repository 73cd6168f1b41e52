create function private.lock_event(p_event_id text)
returns public.webhook_events
language plpgsql
set search_path = ''
as $$
declare
  v_event public.webhook_events;
begin
  select * into v_event from public.webhook_events where event_id = p_event_id for update;
  if v_event.event_id is null then
    raise sqlstate 'PT404' using message = 'EVENT_NOT_FOUND';
  end if;
  return v_event;
end;
$$;
comment on function private.lock_event is 'Lock an event and return it as it is now. Every effect RPC takes this lock first, so a concurrent call waits and then sees that the event is settled. Raises EVENT_NOT_FOUND.';

create function private.effect_answer(
  p_outcome text, p_order_id uuid, p_outbox_ids uuid[] default '{}', p_alerts text[] default '{}'
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'outcome', p_outcome,
    'order_id', p_order_id,
    'outbox_ids', to_jsonb(p_outbox_ids),
    'alerts', to_jsonb(p_alerts)
  );
end;
$$;
comment on function private.effect_answer is 'Return the answer of an effect RPC. The caller logs each alert as an error.';

create function private.settled_answer(p_event public.webhook_events)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.effect_answer(
    'already_processed', p_event.order_id,
    p_alerts => private.unconfirmed_alerts(p_event.event_id)
  );
end;
$$;
comment on function private.settled_answer is 'Return the answer for an event that was settled before. It repeats the alerts that nobody has confirmed.';

create function private.settle_event(
  p_event_id text, p_outcome text, p_order_id uuid default null, p_outbox_ids uuid[] default '{}',
  p_alerts text[] default '{}', p_reason text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  update public.webhook_events
  set
    status = case
      when p_outcome in ('processed', 'order_already_processed') then 'processed' else 'ignored'
    end::public.webhook_status,
    outcome = p_outcome,
    order_id = p_order_id,
    error_code = p_reason,
    error_message = null,
    next_attempt_at = null,
    leased_until = null,
    lease_token = null,
    processed_at = v_now
  where event_id = p_event_id;
  return private.effect_answer(
    p_outcome, p_order_id, p_outbox_ids, private.raise_alerts(p_event_id, p_alerts)
  );
end;
$$;
comment on function private.settle_event is 'Mark an event as settled in the transaction of its effect, and return the answer. The caller holds the lock of the event.';

create function private.ignore_webhook_event(p_event_id text, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  return private.settle_event(
    p_event_id, 'ignored', p_alerts => private.ignored_alerts(v_event.type, p_reason),
    p_reason => p_reason
  );
end;
$$;
comment on function private.ignore_webhook_event is 'Settle an event that has no effect here; see the public wrapper.';
grant execute on function private.ignore_webhook_event to service_role;

create function private.ignored_alerts(p_type text, p_reason text)
returns text[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when not private.is_about_money(p_type) then '{}'
    when p_reason = 'unhandled_type' then array['money_event_unhandled']
    when p_type not in ('payment_intent.payment_failed', 'payment_intent.canceled')
      then array['money_without_an_order']
    else '{}'
  end;
end;
$$;
comment on function private.ignored_alerts is 'Return the alert for an ignored event about money: it has no handler, or it names no order of ours.';

create function private.is_about_money(p_type text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- These types need no handler: Stripe sends each of them together with an event that has one, or
  -- before money moves.
  return p_type not in (
    'balance.available', 'charge.captured', 'charge.expired', 'charge.failed', 'charge.pending',
    'charge.succeeded', 'charge.updated', 'checkout.session.expired', 'payment_intent.created',
    'payment_intent.processing', 'payment_intent.requires_action'
  )
  and split_part(p_type, '.', 1) in (
    'application_fee', 'balance', 'cash_balance', 'charge', 'checkout', 'credit_note',
    'customer_cash_balance_transaction', 'invoice', 'invoice_payment', 'issuing_authorization',
    'issuing_dispute', 'issuing_transaction', 'payment_intent', 'payout', 'radar', 'refund',
    'review', 'topup', 'transfer', 'treasury'
  );
end;
$$;
comment on function private.is_about_money is 'Return true if events of this type are about money that moves, is held or is at risk.';

create function private.apply_effect(p_event_id text, p_effect text, p_arguments jsonb)
returns jsonb
language plpgsql
set search_path = ''
-- A longer wait would use up the time that the caller has for storing the event alone.
set lock_timeout = '300ms'
as $$
begin
  case p_effect
    when 'apply_payment_succeeded' then
      return public.apply_payment_succeeded(
        p_event_id,
        p_arguments ->> 'order_id',
        p_arguments ->> 'payment_intent_id',
        p_arguments ->> 'charge_id',
        (p_arguments ->> 'amount_cents')::bigint,
        p_arguments ->> 'currency',
        p_arguments ->> 'buyer_id'
      );
    when 'apply_payment_failed' then
      return public.apply_payment_failed(
        p_event_id,
        p_arguments ->> 'order_id',
        p_arguments ->> 'payment_intent_id',
        p_arguments ->> 'charge_id',
        p_arguments ->> 'error_message'
      );
    when 'apply_payment_authorized' then
      return public.apply_payment_authorized(
        p_event_id,
        p_arguments ->> 'order_id',
        p_arguments ->> 'payment_intent_id',
        (p_arguments ->> 'capturable_cents')::bigint
      );
    when 'apply_payment_canceled' then
      return public.apply_payment_canceled(
        p_event_id, p_arguments ->> 'order_id', p_arguments ->> 'payment_intent_id'
      );
    when 'ignore_webhook_event' then
      return public.ignore_webhook_event(p_event_id, p_arguments ->> 'reason');
    else
      raise sqlstate 'PT400' using message = 'VALIDATION_ERROR';
  end case;
end;
$$;
comment on function private.apply_effect is 'Call the effect RPC of this name with these arguments. A name that the list does not have is refused, so no caller chooses another function.';
grant execute on function private.apply_effect to service_role;
