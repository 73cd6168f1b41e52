set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.settle_outbox;

-- The tables are small yet, so the build takes a short time.
-- squawk-ignore require-concurrent-index-creation
create index outbox_open_reversals_seller_id_idx on public.outbox ((payload ->> 'seller_id'))
where kind = 'transfer_reversal' and status in ('queued', 'leased');

-- squawk-ignore require-concurrent-index-creation
create index payouts_canceled_order_id_idx on public.payouts (order_id) where status = 'canceled';

create or replace function private.claim_send_permission(p_outbox_id uuid, p_lease_token uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job constant public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
  v_reason text;
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text) || jsonb_build_object('may_send', false);
  end if;
  v_reason := private.send_refusal(v_job);
  if v_reason is not null then
    perform private.close_outbox(v_job.id, 'canceled', p_last_error => v_reason);
  else
    v_reason := private.send_wait(v_job);
  end if;
  return jsonb_build_object('may_send', v_reason is null, 'stale', false, 'reason', v_reason)
    || case when v_reason is null then private.fixed_payload(v_job) else '{}' end;
end;
$$;

create or replace function private.send_refusal(p_job public.outbox)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_job.kind in ('refund', 'auto_refund') and not exists (
    select from public.refunds
    where id = (p_job.payload ->> 'refund_id')::uuid and status = 'pending'
  ) then
    return 'REFUND_IS_SETTLED';
  elsif p_job.kind = 'cancel_intent' and exists (
    select from public.payments
    where stripe_payment_intent_id = p_job.payload ->> 'payment_intent_id'
      and private.is_captured(status)
  ) then
    return 'INTENT_HAS_SUCCEEDED';
  elsif p_job.kind = 'transfer' then
    return (
      select private.transfer_refusal(orders) from public.orders
      where id = (p_job.payload ->> 'order_id')::uuid
    );
  elsif p_job.kind = 'transfer_reversal' and private.reversible_cents(p_job) <= 0 then
    return 'NOTHING_IN_EXCESS';
  end if;
  return null;
end;
$$;

create function private.send_wait(p_job public.outbox)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_reason text;
  v_now timestamptz;
begin
  if p_job.kind <> 'transfer' then
    return null;
  end if;
  select private.transfer_wait(orders) into v_reason from public.orders
  where id = (p_job.payload ->> 'order_id')::uuid;
  if v_reason is not null then
    v_now := private.clock();
    update public.outbox
    set
      status = 'queued', last_error = v_reason, leased_until = null, lease_token = null,
      -- The change that the row waits for makes it due at once.
      next_attempt_at = v_now + interval '24 hours'
    where id = p_job.id;
  end if;
  return v_reason;
end;
$$;

comment on function private.send_wait is 'Return the reason why a row cannot be sent yet, or null. Such a row waits for a day, and spends no try.';

create function private.fixed_payload(p_job public.outbox)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return case p_job.kind
    when 'transfer' then (
      select jsonb_build_object('payload', private.fix_transfer(p_job, orders)) from public.orders
      where id = (p_job.payload ->> 'order_id')::uuid
    )
    when 'transfer_reversal' then jsonb_build_object('payload', private.fix_reversal(p_job))
    else '{}'
  end;
end;
$$;

comment on function private.fixed_payload is 'Fix the amount of a transfer or of a reversal, and return its payload for the sender. Other rows keep their payload.';

create or replace function private.finish_outbox(
  p_outbox_id uuid, p_lease_token uuid, p_stripe_object_id text, p_result jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job constant public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text);
  end if;
  perform private.close_outbox(v_job.id, 'done', p_stripe_object_id, p_tries => 1);
  return private.raise_outbox_alerts(
    v_job.id, 'done', private.settle_outbox(v_job, p_stripe_object_id, p_result)
  );
end;
$$;

create function private.settle_outbox(
  p_job public.outbox, p_stripe_object_id text, p_result jsonb
)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_intent_id constant text := p_job.payload ->> 'payment_intent_id';
  v_order_id constant uuid := p_job.payload ->> 'order_id';
  v_stripe_status constant text := p_result ->> 'status';
begin
  if p_job.kind in ('refund', 'auto_refund') then
    return (
      private.settle_refund(
        v_intent_id,
        p_job.id::text,
        p_stripe_object_id,
        (p_job.payload ->> 'amount_cents')::bigint,
        coalesce(v_stripe_status, 'pending')
      )
    ).alerts;
  elsif p_job.kind = 'cancel_intent' and v_stripe_status = 'canceled' then
    perform private.settle_canceled_intent(v_order_id, v_intent_id);
  elsif p_job.kind in ('transfer', 'transfer_reversal') then
    return private.settle_sent_transfer(
      p_job, p_stripe_object_id, (p_result ->> 'amount_cents')::bigint
    );
  end if;
  return '{}';
end;
$$;

comment on function private.settle_outbox is 'Apply Stripe''s result for a row, by the same functions that apply the event about it. Return alerts.';

create or replace function private.fail_outbox(p_outbox_id uuid, p_lease_token uuid, p_error_code text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
  v_now constant timestamptz := private.clock();
  v_is_wait boolean;
  v_delay interval;
  v_alerts text[] := '{}';
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text);
  end if;
  v_is_wait := private.is_money_wait(v_job.kind, p_error_code);
  if v_is_wait then
    v_alerts := '{transfer_waits_for_money}';
    v_job := private.note_money_wait(v_job, v_now);
    v_delay := private.money_wait_delay(v_job, v_now);
  else
    v_delay := private.retry_delay(v_job.attempts);
  end if;
  if v_delay is null then
    v_alerts := '{outbox_row_dead}';
  end if;
  update public.outbox
  set
    status = case when v_delay is null then 'dead' else 'queued' end::public.outbox_status,
    attempts = attempts + (not v_is_wait)::integer,
    answered_errors = answered_errors + private.is_answered_error(p_error_code)::integer,
    next_attempt_at = coalesce(v_now + v_delay, next_attempt_at),
    last_error = p_error_code,
    leased_until = null,
    lease_token = null
  where id = v_job.id
  returning * into v_job;
  if v_is_wait and v_job.status = 'dead' then
    perform private.wake_transfers((v_job.payload ->> 'seller_id')::uuid);
  end if;
  return private.raise_outbox_alerts(v_job.id, v_job.status, v_alerts);
end;
$$;

create or replace function private.is_answered_error(p_error_code text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_error_code in (
    'STRIPE_ERROR', 'STRIPE_REFUSED', 'STRIPE_EMAIL_REFUSED', 'STRIPE_BALANCE_INSUFFICIENT',
    'STRIPE_ACCOUNT_UNABLE'
  );
end;
$$;

create or replace function private.reject_outbox(p_outbox_id uuid, p_lease_token uuid, p_error_code text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job constant public.outbox := private.lock_leased(p_outbox_id, p_lease_token);
  v_status public.outbox_status := 'dead';
  v_alerts text[] := '{outbox_row_rejected}';
begin
  if v_job.id is null then
    return private.stale_answer(p_outbox_id::text);
  elsif v_job.kind = 'cancel_intent' then
    -- The intent has succeeded or was canceled already. Its event applies the result.
    v_status := 'done';
    v_alerts := '{}';
  elsif v_job.kind in ('refund', 'auto_refund') then
    v_status := 'canceled';
    v_alerts := v_alerts || private.settle_outbox(v_job, null, '{"status": "failed"}');
  end if;
  perform private.close_outbox(v_job.id, v_status, p_last_error => p_error_code, p_tries => 1);
  return private.raise_outbox_alerts(v_job.id, v_status, v_alerts);
end;
$$;

create or replace function private.requeue_outbox(p_outbox_id uuid, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_job public.outbox;
  v_now timestamptz;
begin
  perform private.refuse_unless_staff();
  select * into v_job from public.outbox where id = p_outbox_id for update;
  v_now := private.clock();
  if v_job.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'There is no such outbox row');
  elsif coalesce(private.visible_length(v_reason), 0) < 10 or char_length(p_reason) > 500 then
    return private.refusal('VALIDATION_ERROR', 'A reason has 10 to 500 characters');
  elsif v_job.status <> 'dead' then
    return private.refusal('CONFLICT', 'Only a dead row can be queued again');
  end if;

  update public.outbox
  set
    status = 'queued', attempts = 0, next_attempt_at = v_now,
    payload = payload - 'unpaid_since'
  where id = p_outbox_id;
  perform private.write_audit(
    auth.uid(), 'outbox_row_requeued', 'outbox', p_outbox_id::text, v_reason,
    jsonb_build_object('kind', v_job.kind, 'last_error', v_job.last_error)
  );
  return jsonb_build_object('success', true);
end;
$$;

create or replace function private.apply_transition_effects(
  p_order public.orders, p_from_state public.order_state, p_actor_kind public.actor_kind,
  p_now timestamptz
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_title text;
begin
  if p_order.state = 'paid' and p_from_state = 'pending_payment' then
    perform private.keep_delivery_address(p_order);
  elsif p_order.state = 'released' then
    perform private.post_release(p_order);
    perform private.queue_transfer(p_order.id);
  elsif p_order.state = 'cancelled' and p_from_state = 'pending_payment' then
    perform private.discard_intent(p_order.id, p_order.stripe_payment_intent_id);
    -- A buyer who cancels an unpaid order gets a strike, as does one who does not pay in time.
    if p_actor_kind in ('buyer', 'system') then
      perform private.strike(p_order.buyer_id, p_order.id, 'unpaid', p_now);
    end if;
  end if;

  -- The dispute sends its own notification of its end, with the decision.
  if p_from_state = 'disputed' then
    return;
  end if;
  select title into v_title from public.listings where id = p_order.listing_id;
  perform private.notify(
    notice.user_id,
    notice.type,
    notice.title,
    notice.message,
    jsonb_build_object('order_id', p_order.id),
    concat_ws(':', notice.type, p_order.id, p_order.version, notice.user_id)
  )
  from private.transition_notices(p_order, v_title) as notice
  -- The buyer needs no notification of a delivery that the buyer has confirmed.
  where p_actor_kind <> 'buyer'
    or notice.type <> 'order_delivered'
    or notice.user_id <> p_order.buyer_id;
end;
$$;

create or replace function private.settle_refund(
  p_payment_intent_id text, p_outbox_id text, p_stripe_refund_id text, p_amount_cents bigint,
  p_status text, out is_news boolean, out is_contradicted boolean, out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_payment public.payments;
  v_order public.orders;
  v_refund public.refunds;
  v_before public.refund_status;
  v_status public.refund_status := case
    when p_status in ('succeeded', 'failed', 'canceled') then p_status else 'pending'
  end;
  v_now timestamptz;
begin
  alerts := '{}';
  select * into v_payment from public.payments
  where stripe_payment_intent_id = p_payment_intent_id for update;
  select * into v_order from public.orders where id = v_payment.order_id;
  v_refund := private.matching_refund(v_payment, p_outbox_id, p_stripe_refund_id);
  v_before := v_refund.status;
  if v_refund.id is null then
    v_refund := private.add_outside_refund(v_order, v_payment, p_stripe_refund_id, p_amount_cents);
  end if;
  if p_stripe_refund_id is not null then
    perform private.close_refund_row(v_refund, p_stripe_refund_id);
  end if;

  is_contradicted := v_status = 'succeeded'
  and coalesce(v_before, 'pending') = 'pending'
  and private.is_beyond_payment(v_payment, v_refund);
  if is_contradicted then
    v_status := 'pending';
  end if;
  is_news := v_before is null or (
    v_status <> v_before
    and (v_before = 'pending' or (v_before = 'succeeded' and v_status in ('failed', 'canceled')))
  );
  if not is_news then
    return;
  end if;
  update public.refunds
  set status = v_status, stripe_refund_id = coalesce(p_stripe_refund_id, stripe_refund_id)
  where id = v_refund.id
  returning * into v_refund;
  if v_status = 'succeeded' then
    perform private.post_refund_succeeded(v_order, v_payment, v_refund);
  elsif v_status in ('failed', 'canceled') then
    perform private.post_refund_failed(
      v_order, v_payment, v_refund, coalesce(v_before = 'succeeded', false)
    );
    alerts := array['refund_' || v_status];
    -- Events of refunds that exceeded the payment wait for such a failure, so make them due now.
    v_now := private.clock();
    perform private.wake_waiting_events(p_payment_intent_id, v_now);
  end if;
  perform private.apply_refund_effects(v_order, v_payment, v_refund);
  if v_payment.settles_order then
    perform private.queue_reversal(v_order.id, 'refund:' || v_refund.id);
    perform private.queue_transfer(v_order.id);
  end if;
end;
$$;

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
    return private.settle_misplaced_event(p_event_id, null);
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

create or replace function private.settle_account(
  p_account_id text, p_read_number bigint, p_payouts_enabled boolean
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_user public.users;
begin
  select * into v_user from public.users
  where stripe_connect_account_id = p_account_id for no key update;
  if v_user.id is null then
    return false;
  end if;
  update private.connect_accounts set reads_applied = p_read_number
  where user_id = v_user.id and reads_applied <= p_read_number;
  -- A later read was applied before, so this one is out of date.
  if not found then
    return true;
  end if;
  update public.users set payouts_enabled = p_payouts_enabled
  where id = v_user.id and payouts_enabled <> p_payouts_enabled;
  if p_payouts_enabled and not v_user.payouts_enabled then
    perform private.revive_refused_transfers(v_user.id);
  end if;
  if p_payouts_enabled then
    perform private.wake_transfers(v_user.id);
  end if;
  return true;
end;
$$;

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
    'amount_cents', private.reversible_cents(p_job)
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
  where id::text = p_outbox_id and kind = 'transfer_reversal';
  perform private.complete_outbox(v_job.id, p_stripe_reversal_id);
  if v_job.payload ? 'unpaid_since' then
    perform private.wake_transfers(p_order.seller_id);
  elsif v_job.id is null and not private.is_own_object(p_outbox_id, p_dedupe_key) then
    alerts := '{reversal_made_outside}';
  end if;
end;
$$;

comment on function private.settle_reversal is 'Apply a reversal that Stripe has made, from the event of its transfer or from the answer to our call. The ledger holds each reversal once. The caller holds the lock of the order.';

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
  update public.payouts set amount_cents = v_due_cents where id = v_payout.id;
  perform private.revive_outbox(v_payout.outbox_id);
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

create function private.revive_outbox(p_outbox_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  update public.outbox
  set status = 'queued', attempts = 0, next_attempt_at = v_now, last_error = null
  where id = p_outbox_id and status in ('canceled', 'dead');
end;
$$;

comment on function private.revive_outbox is 'Queue a closed row again, with all of its tries.';

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
    order by orders.released_at
    for update skip locked
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
  return private.transfer_refusal(p_order) is null
    and private.queue_transfer(p_order.id) is not null;
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
  end;
end;
$$;

comment on function private.transfer_refusal is 'Return the reason why the seller of this order must not be paid now, or null. The caller holds the lock of the order.';

create function private.transfer_wait(p_order public.orders)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_seller public.users;
begin
  -- The lock makes a change of the account wait. The change then finds the row that waits.
  select * into v_seller from public.users where id = p_order.seller_id for share;
  if not v_seller.payouts_enabled or v_seller.stripe_connect_account_id is null then
    perform private.notify(
      p_order.seller_id,
      'payout_action_required',
      'Your payout is waiting',
      'Complete your payout details, so that we can send your money.',
      jsonb_build_object('order_id', p_order.id),
      'payout_action_required:' || p_order.id
    );
    return 'PAYOUTS_DISABLED';
  elsif exists (select from private.blocking_reversals(p_order.seller_id)) then
    return 'REVERSAL_IS_UNPAID';
  end if;
  return null;
end;
$$;

comment on function private.transfer_wait is 'Return the reason why a transfer must wait for its seller, or null. A seller whose account is not ready gets a notification, once per order.';

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
      'transfer_group', p_order.id
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
    update public.payouts
    set stripe_transfer_id = p_stripe_transfer_id, amount_cents = p_amount_cents, status = 'paid'
    where id = v_payout.id;
    perform private.complete_outbox(v_payout.outbox_id, p_stripe_transfer_id);
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

create function private.complete_outbox(p_outbox_id uuid, p_stripe_object_id text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- Stripe has made the object, so a row that was canceled or dead meanwhile is done as well.
  update public.outbox
  set
    status = 'done', stripe_object_id = p_stripe_object_id, last_error = null,
    leased_until = null, lease_token = null
  where id = p_outbox_id and status <> 'done';
end;
$$;

comment on function private.complete_outbox is 'Mark a row as done by this object at Stripe, whatever its status was.';

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

create function private.is_money_wait(p_kind text, p_error_code text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_kind
    when 'transfer' then p_error_code in ('STRIPE_BALANCE_INSUFFICIENT', 'STRIPE_ACCOUNT_UNABLE')
    when 'transfer_reversal' then p_error_code = 'STRIPE_BALANCE_INSUFFICIENT'
    else false
  end;
end;
$$;

comment on function private.is_money_wait is 'Return true if Stripe may accept the same call later, once an account has the money or the ability. Such an error spends no try.';

create function private.note_money_wait(p_job public.outbox, p_now timestamptz)
returns public.outbox
language plpgsql
set search_path = ''
as $$
declare
  v_job public.outbox;
begin
  update public.outbox
  set payload = jsonb_build_object('unpaid_since', p_now) || payload
  where id = p_job.id
  returning * into v_job;
  return v_job;
end;
$$;

comment on function private.note_money_wait is 'Note in a row when Stripe refused it for money or ability for the first time, and return the row.';

create function private.money_wait_delay(p_job public.outbox, p_now timestamptz)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_job.kind = 'transfer'
      then make_interval(secs => private.setting('queue_retry_cap_s')::double precision)
    when (p_job.payload ->> 'unpaid_since')::timestamptz <= p_now - 90 * interval '24 hours' then null
    else interval '24 hours'
  end;
end;
$$;

comment on function private.money_wait_delay is 'Return the pause until a call may succeed that Stripe refused for money or ability. Null once a reversal has waited for 90 days.';

create function private.blocking_reversals(p_seller_id uuid)
returns setof public.outbox
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select * from public.outbox
  where kind = 'transfer_reversal'
    and status in ('queued', 'leased')
    and payload ->> 'seller_id' = p_seller_id::text
    and payload ? 'unpaid_since'
    and not payload ? 'transfers_released';
end;
$$;

comment on function private.blocking_reversals is 'Return the reversals that Stripe could not collect from a seller yet, and for which the seller''s transfers wait.';

create function private.wake_transfers(p_seller_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  -- A transfer that is being checked holds this lock until its row waits.
  perform from public.users where id = p_seller_id for no key update;
  v_now := private.clock();
  update public.outbox set next_attempt_at = v_now
  where id in (
    select job.id
    from public.payouts as payout
      join public.outbox as job on payout.outbox_id = job.id
    where payout.seller_id = p_seller_id and payout.status = 'queued' and job.status = 'queued'
    for update of job skip locked
  );
end;
$$;

comment on function private.wake_transfers is 'Make the waiting transfers of a seller due at once.';

create function private.revive_refused_transfers(p_seller_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.revive_outbox(outbox_id)
  from public.payouts
  where seller_id = p_seller_id and status = 'dead';
end;
$$;

comment on function private.revive_refused_transfers is 'Queue the transfers of a seller again that Stripe had refused for good. The claim checks each of them.';

create function private.release_transfers(p_seller_id uuid, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_count integer;
begin
  perform private.refuse_unless_staff();
  if coalesce(private.visible_length(v_reason), 0) < 10 or char_length(p_reason) > 500 then
    return private.refusal('VALIDATION_ERROR', 'A reason has 10 to 500 characters');
  end if;
  update public.outbox set payload = payload || '{"transfers_released": true}'
  where id in (select id from private.blocking_reversals(p_seller_id));
  get diagnostics v_count = row_count;
  if v_count = 0 then
    return private.refusal('CONFLICT', 'No transfer of this seller waits for a reversal');
  end if;
  perform private.wake_transfers(p_seller_id);
  perform private.write_audit(
    auth.uid(), 'transfers_released', 'users', p_seller_id::text, v_reason,
    jsonb_build_object('reversals', v_count)
  );
  return jsonb_build_object('success', true, 'reversals', v_count);
end;
$$;

comment on function private.release_transfers is 'Let the transfers of a seller go on although the seller owes a reversal; see the public wrapper.';

grant execute on function private.release_transfers to authenticated, service_role;

comment on function public.claim_send_permission is 'Check once more before a row is sent: {may_send, stale, reason, payload}. A row that must not be sent any more is canceled; a transfer whose seller cannot be paid yet waits. The payload of a transfer or reversal is fixed here, with its amount. A stale token changes nothing.';

comment on function public.finish_outbox is 'Close a row as done. result is the answer of Stripe; only its status and amount_cents are read. Answers {stale, status, alerts}. A stale token changes nothing.';

comment on function public.fail_outbox is 'Record a failed try: {stale, status, alerts}. The row waits for its next try, or is dead after the last one. After an error that Stripe answered (STRIPE_ERROR, STRIPE_REFUSED, STRIPE_EMAIL_REFUSED, STRIPE_BALANCE_INSUFFICIENT, STRIPE_ACCOUNT_UNABLE) the next try has another idempotency key; after every other error the key stays. A transfer or reversal that Stripe refuses for money or ability waits without spending a try.';

create function public.queue_due_transfers(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.queue_due_transfers(queue_due_transfers.max_rows);
end;
$$;

comment on function public.queue_due_transfers is 'Queue at most max_rows canceled transfers again whose reason is gone, and return their number: the dispute was decided for the seller, the refund was partial or failed, or the books agree again.';

grant execute on function public.queue_due_transfers to service_role;

create function public.apply_transfer(
  event_id text, stripe_transfer_id text, outbox_id text, dedupe_key text, order_ref text,
  charge_id text, amount_cents bigint, currency text, reversals jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_transfer(
    apply_transfer.event_id,
    apply_transfer.stripe_transfer_id,
    apply_transfer.outbox_id,
    apply_transfer.dedupe_key,
    apply_transfer.order_ref,
    apply_transfer.charge_id,
    apply_transfer.amount_cents,
    apply_transfer.currency,
    apply_transfer.reversals
  );
end;
$$;

comment on function public.apply_transfer is 'Apply transfer.created or transfer.reversed: record the transfer and its reversals, each once. reversals is an array of {id, amount_cents, outbox_id, dedupe_key}. Answers {outcome, order_id, outbox_ids, alerts}. Raises PREDECESSOR_MISSING as PT409 until the payment of the order is recorded.';

grant execute on function public.apply_transfer to service_role;

create function public.release_transfers(seller_id uuid, reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.release_transfers(release_transfers.seller_id, release_transfers.reason);
end;
$$;

comment on function public.release_transfers is 'Let the transfers of a seller go on although Stripe could not collect a reversal from the seller yet: {success, reversals}; for staff and our own processes, audited. Refusals: VALIDATION_ERROR, CONFLICT if no transfer waits. Raises FORBIDDEN.';

grant execute on function public.release_transfers to authenticated, service_role;

create trigger outbox_keep_payouts_in_step
after update of status on public.outbox
for each row
when (new.kind = 'transfer' and old.status is distinct from new.status)
execute function private.follow_outbox_status();

comment on function public.claim_send_permission is 'Check once more before a row is sent: {may_send, stale, reason, payload}. A row that must not be sent any more is canceled; a transfer whose seller cannot be paid yet waits. The payload of a transfer or reversal is fixed here, with its amount. A stale token changes nothing.';

comment on function public.finish_outbox is 'Close a row as done. result is the answer of Stripe; only its status and amount_cents are read. Answers {stale, status, alerts}. A stale token changes nothing.';

comment on function public.fail_outbox is 'Record a failed try: {stale, status, alerts}. The row waits for its next try, or is dead after the last one. After an error that Stripe answered (STRIPE_ERROR, STRIPE_REFUSED, STRIPE_EMAIL_REFUSED, STRIPE_BALANCE_INSUFFICIENT, STRIPE_ACCOUNT_UNABLE) the next try has another idempotency key; after every other error the key stays. A transfer or reversal that Stripe refuses for money or ability waits without spending a try.';
