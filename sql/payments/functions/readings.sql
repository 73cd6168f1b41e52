create function private.claim_open_intents(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids text[];
begin
  v_ids := array(
    select stripe_payment_intent_id from public.payments
    where status in ('requires_payment', 'processing', 'authorized', 'failed')
      and created_at <= v_now - interval '10 minutes'
  );
  return coalesce(
    (
      select jsonb_agg(
        jsonb_build_object('payment_intent_id', claimed, 'order_id', payments.order_id)
      )
      from private.claim_checks(v_ids, p_max_rows, v_now) as claimed
        join public.payments on claimed = payments.stripe_payment_intent_id
    ),
    '[]'
  );
end;
$$;
comment on function private.claim_open_intents is 'Return open intents that reconcile must read again; see the public wrapper.';
grant execute on function private.claim_open_intents to service_role;

create function private.claim_open_refunds(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids text[];
begin
  v_ids := array(
    select stripe_refund_id from public.refunds
    where status = 'pending'
      and stripe_refund_id is not null
      and created_at <= v_now - interval '10 minutes'
  );
  return to_jsonb(array(select private.claim_checks(v_ids, p_max_rows, v_now)));
end;
$$;
comment on function private.claim_open_refunds is 'Return pending refunds that reconcile must read again; see the public wrapper.';
grant execute on function private.claim_open_refunds to service_role;

create function private.claim_differing_intents(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  -- An open intent has a claim of its own, which says nothing about its refunds.
  v_prefix constant text := 'differs:';
  v_intents jsonb;
begin
  select coalesce(jsonb_object_agg(v_prefix || intent.id, intent.order_id), '{}') into v_intents
  from (
    select payments.stripe_payment_intent_id as id, payments.order_id
    from public.payments join private.order_checks using (order_id)
    where order_checks.differs_since is not null
    union
    -- Stripe may name an intent whose events are lost.
    select moved.payment_intent_id, moved.order_id
    from private.balance_transactions as moved join private.order_checks using (order_id)
    where order_checks.differs_since is not null and moved.payment_intent_id is not null
  ) as intent;
  return coalesce(
    (
      select jsonb_agg(
        jsonb_build_object(
          'payment_intent_id', substr(claimed, char_length(v_prefix) + 1),
          'order_id', v_intents ->> claimed
        )
      )
      from private.claim_checks(
        array(select jsonb_object_keys(v_intents)), p_max_rows, v_now
      ) as claimed
    ),
    '[]'
  );
end;
$$;
comment on function private.claim_differing_intents is 'Return the intents of orders that differ from Stripe; see the public wrapper.';
grant execute on function private.claim_differing_intents to service_role;

create function private.record_intent(
  p_order_id uuid, p_payment_intent_id text, p_status text, p_charge_id text,
  p_amount_cents bigint, p_currency text, p_buyer_id text, p_dedupe_key text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_capture record;
  v_outcome text := 'ignored';
  v_outbox_ids uuid[] := '{}';
begin
  select * into v_order from public.orders where id = p_order_id for update;
  if v_order.id is null or private.is_intent_of_another_order(p_order_id, p_payment_intent_id) then
    return private.effect_answer('order_not_found', null);
  elsif p_status = 'succeeded' then
    v_order := private.attach_lost_intent(v_order, p_payment_intent_id, p_dedupe_key);
    v_capture := private.record_capture(
      v_order, p_payment_intent_id, p_charge_id, p_amount_cents, p_currency, p_buyer_id, null
    );
    v_outcome := case when v_capture.is_new then 'processed' else 'order_already_processed' end;
    v_outbox_ids := v_capture.outbox_ids;
    perform private.raise_alerts(p_payment_intent_id, v_capture.alerts);
  elsif p_status = 'canceled' then
    v_outcome := case
      when private.settle_canceled_intent(p_order_id, p_payment_intent_id) then 'processed'
      else 'order_already_processed'
    end;
  end if;
  return private.effect_answer(
    v_outcome, p_order_id, v_outbox_ids, private.unconfirmed_alerts(p_payment_intent_id)
  );
end;
$$;
comment on function private.record_intent is 'Apply the state of an intent that was read from Stripe; see the public wrapper.';
grant execute on function private.record_intent to service_role;

create function private.record_refund(
  p_stripe_refund_id text, p_outbox_id text, p_payment_intent_id text, p_amount_cents bigint,
  p_status text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order_id uuid;
  v_change record;
begin
  select order_id into v_order_id from public.payments
  where stripe_payment_intent_id = p_payment_intent_id;
  perform from public.orders where id = v_order_id for update;
  if p_stripe_refund_id is null
    or coalesce(p_amount_cents, 0) < 1
    or p_status is null
    or not exists (
      select from public.payments
      where stripe_payment_intent_id = p_payment_intent_id and private.is_captured(status)
    )
  then
    return private.effect_answer('ignored', v_order_id);
  end if;

  v_change := private.settle_refund(
    p_payment_intent_id, p_outbox_id, p_stripe_refund_id, p_amount_cents, p_status
  );
  perform private.raise_alerts(p_stripe_refund_id, v_change.alerts);
  return private.effect_answer(
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => private.unconfirmed_alerts(p_stripe_refund_id)
  );
end;
$$;
comment on function private.record_refund is 'Apply the state of a refund that was read from Stripe; see the public wrapper.';
grant execute on function private.record_refund to service_role;

create function private.discard_unattached_intents(
  p_payment_intent_ids text[], p_order_refs text[]
)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_intent record;
  v_count integer := 0;
begin
  for v_intent in
    select given.id, orders.id as order_id
    from unnest(p_payment_intent_ids, p_order_refs) as given (id, order_ref)
      join public.orders on orders.id = private.order_id_in(given.order_ref)
    order by orders.id
    -- A call that attaches the intent holds this lock too.
    for update of orders
  loop
    if not exists (
      select from public.payments where stripe_payment_intent_id = v_intent.id
    ) and not exists (
      select from public.outbox where dedupe_key = 'cancel_intent:' || v_intent.id
    ) then
      perform private.discard_intent(v_intent.order_id, v_intent.id);
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end;
$$;
comment on function private.discard_unattached_intents is 'Queue the cancellation of open intents that no order uses; see the public wrapper.';
grant execute on function private.discard_unattached_intents to service_role;
