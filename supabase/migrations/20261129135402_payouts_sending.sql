set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.settle_dispute(
  p_payment public.payments, p_told public.disputes, out is_news boolean,
  out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_before public.disputes;
  v_dispute public.disputes;
begin
  alerts := '{}';
  if not private.is_dispute_readable(p_payment, p_told) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  select * into v_order from public.orders where id = p_payment.order_id;
  select * into v_before from public.disputes
  where stripe_dispute_id = p_told.stripe_dispute_id for update;
  is_news := v_before.id is null or private.is_dispute_news(v_before, p_told);
  if not is_news then
    return;
  end if;

  if v_before.id is null then
    v_before := private.add_stripe_dispute(v_order, p_payment, p_told);
  end if;
  v_dispute := private.write_stripe_dispute(v_before, p_payment, p_told);
  alerts := private.post_dispute_change(v_order, p_payment, v_before, v_dispute);
  if p_payment.settles_order then
    perform private.notify_of_stripe_dispute(v_order, v_dispute);
    perform private.follow_disputes(
      v_order.id, null, 'stripe', 'dispute_' || v_dispute.stripe_status
    );
    if private.lost_amount(v_dispute) > private.lost_amount(v_before) then
      perform private.queue_reversal(v_order.id, 'dispute:' || v_dispute.stripe_dispute_id);
    end if;
    -- Money that Stripe gives back is due to the seller again.
    perform private.queue_transfer(v_order.id);
  end if;
end;
$$;

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
  where id::text = p_outbox_id and kind = 'transfer_reversal';
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

create or replace function private.transfer_refusal(p_order public.orders)
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

create or replace function private.money_wait_delay(p_job public.outbox, p_now timestamptz)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    -- The next check finds the disabled account, and sends the seller a notification.
    when p_job.kind = 'transfer' and exists (
      select from public.users
      where id = (p_job.payload ->> 'seller_id')::uuid and not payouts_enabled
    ) then interval '0'
    when p_job.kind = 'transfer'
      then make_interval(secs => private.setting('queue_retry_cap_s')::double precision)
    when (p_job.payload ->> 'unpaid_since')::timestamptz <= p_now - 90 * interval '24 hours' then null
    else interval '24 hours'
  end;
end;
$$;

create function private.claim_waiting_accounts(p_max_rows integer)
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
    select distinct seller.stripe_connect_account_id
    from public.outbox as job
      join public.payouts as payout on job.id = payout.outbox_id
      join public.users as seller on payout.seller_id = seller.id
    where job.kind = 'transfer'
      and job.status = 'queued'
      and job.last_error is not null
      and seller.stripe_connect_account_id is not null
  );
  return to_jsonb(array(select private.claim_checks(v_ids, p_max_rows, v_now)));
end;
$$;

comment on function private.claim_waiting_accounts is 'Return Connect accounts that reconcile must read again; see the public wrapper.';

grant execute on function private.claim_waiting_accounts to service_role;

create function public.record_transfer(
  stripe_transfer_id text, outbox_id text, dedupe_key text, order_ref text, charge_id text,
  amount_cents bigint, currency text, reversals jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_transfer(
    record_transfer.stripe_transfer_id,
    record_transfer.outbox_id,
    record_transfer.dedupe_key,
    record_transfer.order_ref,
    record_transfer.charge_id,
    record_transfer.amount_cents,
    record_transfer.currency,
    record_transfer.reversals
  );
end;
$$;

comment on function public.record_transfer is 'Apply the state of a transfer that the caller has just read from Stripe, as the events about it do: {outcome, order_id, outbox_ids, alerts}. A transfer of no order of ours is ignored.';

grant execute on function public.record_transfer to service_role;

create function public.claim_waiting_accounts(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_waiting_accounts(claim_waiting_accounts.max_rows);
end;
$$;

comment on function public.claim_waiting_accounts is 'Claim at most max_rows Connect accounts whose transfers wait, for another reading at Stripe: an array of account ids. The oldest reading comes first; an account is claimed at most every ten minutes.';

grant execute on function public.claim_waiting_accounts to service_role;
