create function private.post(
  p_order public.orders, p_fact text, p_currency text, p_lines private.ledger_line[],
  p_description text, p_meta jsonb default '{}'
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.ledger_entries (
    txn_id, order_id, user_id, account, entry_type, amount_cents, currency, description, meta,
    fact
  )
  select
    posting.txn_id,
    p_order.id,
    case line.account
      when 'buyer' then p_order.buyer_id
      when 'seller_payable' then p_order.seller_id
    end,
    line.account,
    line.entry_type,
    sum(line.amount_cents),
    p_currency,
    p_description,
    p_meta,
    p_fact
  from (select gen_random_uuid() as txn_id) as posting cross join unnest(p_lines) as line
  group by posting.txn_id, line.account, line.entry_type
  having sum(line.amount_cents) <> 0
  on conflict (order_id, entry_type, account, fact) do nothing;
end;
$$;
comment on function private.post is 'Post the lines of one fact under one txn_id. A fact that is posted already stays as it is. The caller holds the lock of the order.';

create function private.is_captured(p_status public.payment_status)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_status in ('captured', 'partially_refunded', 'refunded');
end;
$$;
comment on function private.is_captured is 'Return true once money was captured, even if it was refunded later.';

create function private.seller_base_cents(p_order_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select private.unrefunded_cents(payment)
    from public.payments as payment
    where payment.order_id = p_order_id and payment.settles_order
  );
end;
$$;
comment on function private.seller_base_cents is 'Return the amount that seller and platform share: the settling payment less its pending and succeeded refunds.';

create function private.post_capture(
  p_order public.orders, p_payment public.payments, p_event_id text
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'capture:' || p_payment.stripe_payment_intent_id,
    p_payment.currency,
    private.capture_lines(p_payment.amount_cents),
    case when p_payment.settles_order then 'Payment' else 'Stray payment' end,
    jsonb_strip_nulls(
      jsonb_build_object('event_id', p_event_id, 'charge_id', p_payment.stripe_charge_id)
    )
  );
end;
$$;
comment on function private.post_capture is 'Post captured money in its own currency. A stray is posted too.';

create function private.post_release(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'release:' || p_order.id,
    p_order.currency,
    private.release_lines(private.seller_base_cents(p_order.id), p_order.platform_fee_bps),
    'Release to the seller'
  );
end;
$$;
comment on function private.post_release is 'Post the release of an order to the seller and the fee, once for each order.';

create function private.post_refund_requested(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'refund:' || p_refund.id || ':requested',
    p_payment.currency,
    private.refund_lines(p_order, p_payment, p_refund),
    'Refund requested'
  );
end;
$$;
comment on function private.post_refund_requested is 'Post the reservation of a refund. The row of the refund exists already.';

create function private.refund_lines(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns private.ledger_line[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_base_cents bigint;
begin
  if p_payment.settles_order and p_order.released_at is not null then
    -- Compute the fee on the amount before this refund. The base already excludes a refund that is
    -- pending or has succeeded, so add that back.
    v_base_cents := private.seller_base_cents(p_order.id) + case
      when p_refund.status in ('pending', 'succeeded') then p_refund.amount_cents else 0
    end;
  end if;
  return private.refund_requested_lines(
    p_refund.amount_cents, v_base_cents, p_order.platform_fee_bps
  );
end;
$$;
comment on function private.refund_lines is 'Return the lines that reserve this refund, or that reserved it if it has failed.';

create function private.post_refund_succeeded(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'refund:' || p_refund.id || ':succeeded',
    p_payment.currency,
    private.refund_succeeded_lines(p_refund.amount_cents),
    'Refund paid out',
    jsonb_build_object('stripe_refund_id', p_refund.stripe_refund_id)
  );
end;
$$;
comment on function private.post_refund_succeeded is 'Post a refund that succeeded.';

create function private.post_refund_failed(
  p_order public.orders, p_payment public.payments, p_refund public.refunds,
  p_had_succeeded boolean
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'refund:' || p_refund.id || ':failed',
    p_payment.currency,
    private.reversed_lines(
      private.refund_lines(p_order, p_payment, p_refund) || case
        -- The buyer's bank may return a refund after Stripe has reported its success.
        when p_had_succeeded then private.refund_succeeded_lines(p_refund.amount_cents)
      end
    ),
    'Refund failed',
    jsonb_build_object('stripe_refund_id', p_refund.stripe_refund_id)
  );
end;
$$;
comment on function private.post_refund_failed is 'Reverse the entries of a refund that failed. The money belongs to the buyer again, or after the release to seller and platform.';
