set lock_timeout = '2s';
set statement_timeout = '30s';

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
  perform private.replace_refused_amount(v_job);
  return private.raise_outbox_alerts(v_job.id, v_status, v_alerts);
end;
$$;

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
