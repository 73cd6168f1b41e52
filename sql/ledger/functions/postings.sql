create function private.post(
  p_order public.orders, p_fact text, p_currency text, p_lines private.ledger_line[],
  p_description text, p_meta jsonb default '{}'
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- A second posting of a fact may have lines that the first had not, and alone they do not balance.
  if exists (select from public.ledger_entries where order_id = p_order.id and fact = p_fact) then
    return;
  end if;
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
  having sum(line.amount_cents) <> 0;
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
comment on function private.seller_base_cents is 'Return the amount that seller and platform share: the settling payment less its pending and succeeded refunds and its losses.';

create function private.lost_cents(p_payment_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce((
    select sum(withdrawn_cents - reinstated_cents) from public.disputes
    where payment_id = p_payment_id
      and private.is_dispute_lost(stripe_status, withdrawn_cents, reinstated_cents)
  ), 0);
end;
$$;
comment on function private.lost_cents is 'Return the amount that the lost disputes of a payment have cost.';

create function private.share_change_lines(
  p_order public.orders, p_payment public.payments, p_entry_type public.ledger_type,
  p_refunded_change_cents bigint, p_lost_change_cents bigint
)
returns private.ledger_line[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_released constant boolean := p_payment.settles_order and p_order.released_at is not null;
  v_lost_cents constant bigint := private.lost_cents(p_payment.id);
  v_refunded_cents bigint;
begin
  select coalesce(sum(amount_cents), 0) into v_refunded_cents from public.refunds
  where payment_id = p_payment.id and status in ('pending', 'succeeded');
  return private.share_lines(
    private.shares(
      p_payment.amount_cents,
      v_refunded_cents - p_refunded_change_cents,
      v_lost_cents - p_lost_change_cents,
      p_order.platform_fee_bps,
      v_is_released
    ),
    private.shares(
      p_payment.amount_cents, v_refunded_cents, v_lost_cents, p_order.platform_fee_bps,
      v_is_released
    ),
    p_entry_type
  );
end;
$$;
comment on function private.share_change_lines is 'Return the lines of a change that the refunds and disputes of a payment contain already, by the change in their sums.';

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
declare
  v_base_cents constant bigint := private.seller_base_cents(p_order.id);
begin
  perform private.post(
    p_order,
    'release:' || p_order.id,
    p_order.currency,
    private.share_lines(
      private.shares(v_base_cents, 0, 0, p_order.platform_fee_bps, false),
      private.shares(v_base_cents, 0, 0, p_order.platform_fee_bps, true),
      'RELEASE'
    ),
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
    private.refund_lines(p_order, p_payment, p_refund.amount_cents),
    'Refund requested'
  );
end;
$$;
comment on function private.post_refund_requested is 'Post the reservation of a refund. The row of the refund exists already.';

create function private.refund_lines(
  p_order public.orders, p_payment public.payments, p_change_cents bigint
)
returns private.ledger_line[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.share_change_lines(p_order, p_payment, 'REFUND', p_change_cents, 0)
  || ('refunds', 'REFUND', -p_change_cents)::private.ledger_line;
end;
$$;
comment on function private.refund_lines is 'Return the lines of a new reservation of this amount, or for a negative amount of one that ended.';

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
    private.refund_lines(p_order, p_payment, -p_refund.amount_cents) || case
      -- The buyer's bank may return a refund after Stripe has reported its success.
      when p_had_succeeded then private.refund_succeeded_lines(-p_refund.amount_cents)
    end,
    'Refund failed',
    jsonb_build_object('stripe_refund_id', p_refund.stripe_refund_id)
  );
end;
$$;
comment on function private.post_refund_failed is 'Reverse the entries of a refund that failed. The money belongs to the buyer again, or after the release to seller and platform.';

create function private.post_hold(
  p_order public.orders, p_dispute public.disputes, p_withdrawn_change_cents bigint,
  p_reinstated_change_cents bigint
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_fact constant text := 'dispute:' || p_dispute.stripe_dispute_id;
begin
  perform private.post(
    p_order,
    concat_ws(
      ':', v_fact, 'withdrawn',
      nullif(p_dispute.withdrawn_cents, p_withdrawn_change_cents)
    ),
    p_dispute.currency,
    private.hold_lines(p_withdrawn_change_cents),
    'Money withdrawn for a dispute'
  );
  perform private.post(
    p_order,
    concat_ws(
      ':', v_fact, 'reinstated',
      nullif(p_dispute.reinstated_cents, p_reinstated_change_cents)
    ),
    p_dispute.currency,
    private.hold_lines(-p_reinstated_change_cents),
    'Money of a dispute reinstated'
  );
end;
$$;
comment on function private.post_hold is 'Post the growth of the amounts that Stripe has withdrawn and reinstated for a dispute. The row contains the growth already. The first posting of each kind has no total in its fact.';

create function private.post_loss(
  p_order public.orders, p_payment public.payments, p_dispute public.disputes,
  p_change_cents bigint
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_fact constant text := 'dispute:' || p_dispute.stripe_dispute_id || ':lost';
  v_posted_count integer;
begin
  select count(distinct fact) into v_posted_count from public.ledger_entries
  where order_id = p_order.id and (fact = v_fact or starts_with(fact, v_fact || ':'));
  perform private.post(
    p_order,
    concat_ws(':', v_fact, nullif(v_posted_count, 0)),
    p_dispute.currency,
    private.share_change_lines(p_order, p_payment, 'ADJUST', 0, p_change_cents)
    || ('dispute_hold', 'ADJUST', -p_change_cents)::private.ledger_line,
    case when p_change_cents < 0 then 'Loss of a dispute reversed' else 'Dispute lost' end
  );
end;
$$;
comment on function private.post_loss is 'Post a change of the amount that a dispute has cost. The dispute''s row contains the change already.';

create function private.post_transfer(
  p_order public.orders, p_stripe_transfer_id text, p_amount_cents bigint
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'transfer:' || p_stripe_transfer_id,
    p_order.currency,
    private.transfer_lines(p_amount_cents),
    'Transfer to the seller',
    jsonb_build_object('stripe_transfer_id', p_stripe_transfer_id)
  );
end;
$$;
comment on function private.post_transfer is 'Post a transfer that Stripe has made to the seller.';

create function private.post_reversal(
  p_order public.orders, p_stripe_transfer_id text, p_stripe_reversal_id text,
  p_amount_cents bigint
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'reversal:' || p_stripe_reversal_id,
    p_order.currency,
    private.transfer_lines(-p_amount_cents),
    'Transfer reversed',
    jsonb_build_object('stripe_transfer_id', p_stripe_transfer_id)
  );
end;
$$;
comment on function private.post_reversal is 'Post a reversal that Stripe has made of a transfer.';
