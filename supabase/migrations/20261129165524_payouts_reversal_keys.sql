set lock_timeout = '2s';
set statement_timeout = '30s';

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
    -- The id at Stripe names the cause, because a restored database gives the row another id.
    perform private.queue_reversal(
      v_order.id, 'refund:' || coalesce(v_refund.stripe_refund_id, v_refund.id::text)
    );
    perform private.queue_transfer(v_order.id);
  end if;
end;
$$;

create or replace function private.fix_reversal(p_job public.outbox)
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
