create function private.begin_payment(p_order_id uuid, p_buyer_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_now timestamptz;
  v_refusal jsonb;
  v_errors private.intent_errors;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_now := private.clock();
  v_refusal := coalesce(
    private.payer_refusal(v_order, p_buyer_id), private.payment_refusal(v_order, v_now)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_errors from private.intent_errors
  where order_id = v_order.id and attempt = private.next_attempt(v_order.id);
  return (
    select jsonb_strip_nulls(
      jsonb_build_object(
        'success', true,
        'attempt', private.next_attempt(v_order.id),
        'amount_cents', v_order.amount_cents,
        'currency', v_order.currency,
        'listing_title', listings.title,
        'receipt_email', case when v_errors.is_email_refused is not true then buyer.email end,
        'answered_errors', nullif(v_errors.answered_errors, 0),
        'first_error', extract(epoch from v_errors.created_at)::bigint,
        'payment_intent_id', v_order.stripe_payment_intent_id
      )
    )
    from public.listings cross join public.users as buyer
    where listings.id = v_order.listing_id and buyer.id = v_order.buyer_id
  );
end;
$$;
comment on function private.begin_payment is 'Return the parameters of the order''s next PaymentIntent; see the public wrapper.';
grant execute on function private.begin_payment to service_role;

create function private.record_intent_error(
  p_order_id uuid, p_attempt integer, p_answered_errors integer, p_error_code text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform private.refuse_unless_valid(num_nulls(p_attempt, p_answered_errors, p_error_code) = 0);
  perform from public.orders where id = p_order_id for update;
  if not found then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  end if;
  insert into private.intent_errors (order_id, attempt)
  values (p_order_id, p_attempt)
  on conflict (order_id, attempt) do nothing;
  -- Concurrent calls get the same error under the same key. Only the first of them raises the
  -- count.
  update private.intent_errors
  set
    answered_errors = answered_errors + (
      answered_errors = p_answered_errors and private.is_answered_error(p_error_code)
    )::integer,
    is_email_refused = is_email_refused or p_error_code = 'STRIPE_EMAIL_REFUSED'
  where order_id = p_order_id and attempt = p_attempt
  returning answered_errors into v_count;
  return jsonb_build_object('success', true, 'answered_errors', v_count);
end;
$$;
comment on function private.record_intent_error is 'Count an error that Stripe answered to a new PaymentIntent; see the public wrapper.';
grant execute on function private.record_intent_error to service_role;

create function private.payer_refusal(p_order public.orders, p_buyer_id uuid)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif p_order.buyer_id is distinct from p_buyer_id then
    return private.refusal('FORBIDDEN', 'Only the buyer can pay for this order');
  end if;
  return null;
end;
$$;
comment on function private.payer_refusal is 'Return the reason why this user cannot pay for this order, or null.';

create function private.payment_refusal(p_order public.orders, p_now timestamptz)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_order.state = 'cancelled' then
    return private.refusal('TRANSACTION_FAILED', 'Order was cancelled');
  elsif p_order.state <> 'pending_payment' then
    return private.refusal('TRANSACTION_FAILED', 'Order is already paid');
  elsif p_order.payment_due_at <= p_now then
    return private.refusal('TRANSACTION_FAILED', 'Order is past due');
  end if;
  return null;
end;
$$;
comment on function private.payment_refusal is 'Return the reason why no new payment of this order may begin, or null.';

create function private.next_attempt(p_order_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select count(*) + 1 from public.payments where order_id = p_order_id
  );
end;
$$;
comment on function private.next_attempt is 'Return the number of the next attempt to pay. It is part of Stripe''s idempotency key.';

create function private.attach_payment_intent(
  p_order_id uuid, p_attempt integer, p_payment_intent_id text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_now timestamptz;
  v_refusal jsonb;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_now := private.clock();
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif private.is_intent_of_another_order(p_order_id, p_payment_intent_id) then
    return private.refusal('TRANSACTION_FAILED', 'This payment is for something else');
  end if;
  v_refusal := private.payment_refusal(v_order, v_now);
  if v_refusal is null and v_order.stripe_payment_intent_id is null then
    v_refusal := private.add_intent(v_order, p_attempt, p_payment_intent_id);
    v_order.stripe_payment_intent_id := p_payment_intent_id;
  end if;

  if v_refusal is not null or v_order.stripe_payment_intent_id <> p_payment_intent_id then
    -- Another call attached its intent first, or the order ended meanwhile. Nobody may pay with
    -- this one.
    perform private.discard_intent(p_order_id, p_payment_intent_id);
  end if;
  return coalesce(
    v_refusal,
    jsonb_build_object('success', true, 'payment_intent_id', v_order.stripe_payment_intent_id)
  );
end;
$$;
comment on function private.attach_payment_intent is 'Make an intent the order''s current one; see the public wrapper.';
grant execute on function private.attach_payment_intent to service_role;

create function private.is_intent_of_another_order(p_order_id uuid, p_payment_intent_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.payments
    where stripe_payment_intent_id = p_payment_intent_id and order_id <> p_order_id
  );
end;
$$;
comment on function private.is_intent_of_another_order is 'Return true if an intent belongs to another order.';

create function private.add_intent(
  p_order public.orders, p_attempt integer, p_payment_intent_id text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  -- Another attempt has begun meanwhile, and this attempt's intent may be canceled. The caller must
  -- begin again.
  if p_attempt is distinct from private.next_attempt(p_order.id) then
    return private.refusal('CONFLICT', 'Please start the payment again');
  end if;
  insert into public.payments (
    order_id, provider_ref, stripe_payment_intent_id, amount_cents, fee_cents, currency
  )
  values (
    p_order.id, p_payment_intent_id, p_payment_intent_id, p_order.amount_cents,
    p_order.platform_fee_cents, p_order.currency
  )
  on conflict (order_id, stripe_payment_intent_id) do nothing;
  if not found then
    return private.refusal('CONFLICT', 'Please start the payment again');
  end if;
  update public.orders set stripe_payment_intent_id = p_payment_intent_id
  where id = p_order.id;
  return null;
end;
$$;
comment on function private.add_intent is 'Make the intent of the next attempt the current one. Return a refusal if the attempt is not the next one.';

create function private.attach_lost_intent(
  p_order public.orders, p_payment_intent_id text, p_dedupe_key text
)
returns public.orders
language plpgsql
set search_path = ''
as $$
begin
  if private.is_intent_lost(p_order, p_payment_intent_id)
    and p_dedupe_key ~ ('^intent:' || p_order.id || ':[1-9][0-9]*$')
  then
    update public.orders set stripe_payment_intent_id = p_payment_intent_id
    where id = p_order.id
    returning * into p_order;
  end if;
  return p_order;
end;
$$;
comment on function private.attach_lost_intent is 'Make a paid intent the current one if we made it for this order and the order has none. Only an attached intent reaches a buyer, so a restore of the database has lost the attachment. Return the order as it is now.';

create function private.is_intent_lost(p_order public.orders, p_payment_intent_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_order.state = 'pending_payment'
    and p_order.stripe_payment_intent_id is null
    and not exists (
      select from public.payments
      where stripe_payment_intent_id = p_payment_intent_id and private.is_captured(status)
    );
end;
$$;
comment on function private.is_intent_lost is 'Return true if a paid intent may be the one that the order had before a restore. The key in its metadata decides, which events and readings contain.';

create function private.discard_intent(p_order_id uuid, p_payment_intent_id text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_payment_intent_id is null or exists (
    select from public.payments
    where stripe_payment_intent_id = p_payment_intent_id
      and (private.is_captured(status) or status = 'cancelled')
  ) then
    return;
  end if;
  perform private.queue_outbox(
    'cancel_intent',
    jsonb_build_object('payment_intent_id', p_payment_intent_id, 'order_id', p_order_id),
    'cancel_intent:' || p_payment_intent_id
  );
end;
$$;
comment on function private.discard_intent is 'Queue the cancellation of an intent that could still be paid.';

create function private.cancel_overdue_intents(p_now timestamptz, p_max_rows integer)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.discard_intent(id, stripe_payment_intent_id)
  from (
    select id, stripe_payment_intent_id from public.orders
    where state = 'pending_payment'
      and payment_due_at <= p_now
      and stripe_payment_intent_id is not null
      and not exists (
        select from public.outbox
        where dedupe_key = 'cancel_intent:' || orders.stripe_payment_intent_id
      )
    order by payment_due_at
    limit p_max_rows
    for update skip locked
  ) as overdue;
  -- Stripe refuses to cancel an intent while the buyer pays. If no payment came for an hour, queue
  -- the cancellation again.
  update public.outbox as job
  set status = 'queued', next_attempt_at = p_now, attempts = 0
  from public.orders
  where orders.state = 'pending_payment'
    and orders.payment_due_at <= p_now
    and job.dedupe_key = 'cancel_intent:' || orders.stripe_payment_intent_id
    and job.status in ('done', 'canceled')
    and job.updated_at <= p_now - interval '1 hour';
end;
$$;
comment on function private.cancel_overdue_intents is 'Queue the cancellation of the current intents of orders past due. The orders can be cancelled after it.';
