-- This migration makes payouts work: the onboarding of sellers, transfers, and their reversals.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Payouts: functions.

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
    return private.settle_misplaced_event(p_event_id, null, p_order_ref);
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

create function private.begin_onboarding(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.account_refusal(p_user_id);
  v_user public.users;
  v_errors integer;
begin
  select * into v_user from public.users where id = p_user_id;
  if v_refusal is not null then
    return v_refusal;
  elsif v_user.kyc <> 'passed' or v_user.role = 'buyer' then
    return private.refusal('KYC_REQUIRED', 'KYC verification required to be paid');
  end if;
  insert into private.connect_accounts (user_id) values (p_user_id)
  on conflict (user_id) do nothing;
  select answered_errors into v_errors from private.connect_accounts where user_id = p_user_id;
  return jsonb_build_object(
    'success', true,
    'account_id', v_user.stripe_connect_account_id,
    'answered_errors', v_errors,
    'seller_since', extract(epoch from coalesce(v_user.kyc_completed_at, v_user.created_at))::bigint
  );
end;
$$;
comment on function private.begin_onboarding is 'Return the parameters of a seller''s Connect account; see the public wrapper.';
grant execute on function private.begin_onboarding to service_role;

create function private.record_connect_error(
  p_user_id uuid, p_answered_errors integer, p_error_code text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  -- Concurrent calls get the same error under the same key. Only the first of them raises the
  -- count.
  update private.connect_accounts
  set answered_errors = answered_errors + (
    answered_errors = p_answered_errors and private.is_answered_error(p_error_code)
  )::integer
  where user_id = p_user_id
  returning answered_errors into v_count;
  if v_count is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'This user has not begun to onboard');
  end if;
  return jsonb_build_object('success', true, 'answered_errors', v_count);
end;
$$;
comment on function private.record_connect_error is 'Count an error that Stripe answered to a new Connect account; see the public wrapper.';
grant execute on function private.record_connect_error to service_role;

create function private.set_connect_account(p_user_id uuid, p_account_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
begin
  select * into v_user from public.users where id = p_user_id for no key update;
  if v_user.id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif v_user.stripe_connect_account_id = p_account_id then
    return jsonb_build_object('success', true);
  elsif v_user.stripe_connect_account_id is not null
    or p_account_id is null
    or exists (select from public.users where stripe_connect_account_id = p_account_id)
  then
    return private.refusal('CONFLICT', 'A seller has one account for ever');
  end if;
  update public.users set stripe_connect_account_id = p_account_id where id = p_user_id;
  insert into private.connect_accounts (user_id) values (p_user_id)
  on conflict (user_id) do nothing;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.set_connect_account is 'Make a Connect account the one of a seller, once only; see the public wrapper.';
grant execute on function private.set_connect_account to service_role;

create function private.begin_account_read(p_account_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_number bigint;
begin
  update private.connect_accounts
  set reads_begun = reads_begun + 1
  where user_id = (select id from public.users where stripe_connect_account_id = p_account_id)
  returning reads_begun into v_number;
  return jsonb_build_object('read_number', v_number);
end;
$$;
comment on function private.begin_account_read is 'Return the number of a new read of a Connect account; see the public wrapper.';
grant execute on function private.begin_account_read to service_role;

create function private.apply_account_updated(
  p_event_id text, p_account_id text, p_read_number bigint, p_payouts_enabled boolean
)
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
  elsif not private.settle_account(p_account_id, p_read_number, p_payouts_enabled) then
    return private.settle_event(p_event_id, 'ignored', p_reason => 'account_unknown');
  end if;
  return private.settle_event(p_event_id, 'processed');
end;
$$;
comment on function private.apply_account_updated is 'Apply the event of a Connect account; see the public wrapper.';
grant execute on function private.apply_account_updated to service_role;

create function private.record_account_read(
  p_account_id text, p_read_number bigint, p_payouts_enabled boolean
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'success', true,
    'found', private.settle_account(p_account_id, p_read_number, p_payouts_enabled)
  );
end;
$$;
comment on function private.record_account_read is 'Record the state of a Connect account that was read without an event; see the public wrapper.';
grant execute on function private.record_account_read to service_role;

create function private.settle_account(
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
comment on function private.settle_account is 'Apply the state that a Connect account has at Stripe, unless a later read was applied before. Return false if no seller has the account.';

create function private.list_payouts(p_user_id uuid, p_max_rows integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_enabled boolean;
begin
  select payouts_enabled into v_enabled from public.users where id = p_user_id;
  return (
    select jsonb_build_object(
      'success', true,
      'payouts_enabled', coalesce(v_enabled, false),
      'pending_cents', coalesce(sum(amount_cents) filter (where status = 'queued'), 0),
      'paid_cents', coalesce(
        sum(amount_cents - reversed_cents) filter (where status in ('paid', 'reversed')), 0
      ),
      'payouts', private.newest_payouts(p_user_id, p_max_rows)
    )
    from public.payouts where seller_id = p_user_id
  );
end;
$$;
comment on function private.list_payouts is 'Return the payouts of a seller with their sums; see the public wrapper.';
grant execute on function private.list_payouts to service_role;

create function private.newest_payouts(p_user_id uuid, p_max_rows integer)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(payout) order by created_at desc, id), '[]')
    from (
      select id, order_id, amount_cents, reversed_cents, status, created_at, updated_at
      from public.payouts
      where seller_id = p_user_id
      order by created_at desc, id
      limit least(greatest(p_max_rows, 0), 100)
    ) as payout
  );
end;
$$;
comment on function private.newest_payouts is 'Return the newest payouts of a seller, without the ids that Stripe gave them.';

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
  -- Stripe reverses a transfer at most in full.
  if p_stripe_reversal_id is null or (p_amount_cents > 0) is not true or exists (
    select from public.payouts
    where stripe_transfer_id = p_stripe_transfer_id
      and reversed_cents + p_amount_cents > amount_cents
  ) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
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
  -- A change of an outbox row locks its payout too, so the outbox row comes first.
  perform private.revive_outbox(v_payout.outbox_id);
  update public.payouts set amount_cents = v_due_cents where id = v_payout.id;
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
    order by orders.released_at, orders.id
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
  -- The claim checks again under the lock of the order. So lock only orders whose transfer is queued.
  if private.transfer_refusal(p_order) is not null then
    return false;
  end if;
  perform from public.orders where id = p_order.id for update skip locked;
  return found and private.queue_transfer(p_order.id) is not null;
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
comment on function private.transfer_refusal is 'Return the reason why the seller of this order must not be paid now, or null. Only a caller that holds the lock of the order may rely on it.';

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
      'transfer_group', p_order.id,
      -- If Stripe has made more transfers than these, the amount is out of date.
      'transferred_cents', (
        select coalesce(sum(amount_cents), 0) from public.payouts
        where order_id = p_order.id and stripe_transfer_id is not null
      )
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
    -- A change of an outbox row locks its payout too, so the outbox row comes first.
    perform private.complete_outbox(v_payout.outbox_id, p_stripe_transfer_id);
    update public.payouts
    set stripe_transfer_id = p_stripe_transfer_id, amount_cents = p_amount_cents, status = 'paid'
    where id = v_payout.id;
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

create function private.postpone_transfer(p_job public.outbox)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_seller public.users;
  v_reason text;
  v_now timestamptz;
begin
  -- The lock makes a change of the account wait. The change then finds the row that waits.
  select * into v_seller from public.users
  where id = (p_job.payload ->> 'seller_id')::uuid for share;
  v_reason := private.transfer_wait_reason(v_seller);
  if v_reason is null then
    return null;
  elsif v_reason = 'PAYOUTS_DISABLED' then
    perform private.notify(
      v_seller.id,
      'payout_action_required',
      'Your payout is waiting',
      'Complete your payout details, so that we can send your money.',
      jsonb_build_object('order_id', p_job.payload ->> 'order_id'),
      'payout_action_required:' || (p_job.payload ->> 'order_id')
    );
  end if;
  v_now := private.clock();
  update public.outbox
  set
    status = 'queued', last_error = v_reason, leased_until = null, lease_token = null,
    -- The change that the row waits for makes it due at once.
    next_attempt_at = v_now + interval '24 hours'
  where id = p_job.id;
  return v_reason;
end;
$$;
comment on function private.postpone_transfer is 'Put off a transfer whose seller cannot be paid yet, and return the reason, or null. The row waits for a day and spends no try. A seller whose account is not ready gets a notification, once per order.';

create function private.transfer_wait_reason(p_seller public.users)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when not p_seller.payouts_enabled or p_seller.stripe_connect_account_id is null
      then 'PAYOUTS_DISABLED'
    when exists (select from private.blocking_reversals(p_seller.id)) then 'REVERSAL_IS_UNPAID'
  end;
end;
$$;
comment on function private.transfer_wait_reason is 'Return the reason why transfers to a seller must wait, or null.';

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

create function private.money_wait_delay(p_job public.outbox, p_now timestamptz)
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

create function private.release_transfers(
  p_seller_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'release_transfers', p_client_request_id, jsonb_build_array(p_seller_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.release_blocked_transfers(p_seller_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.release_transfers is 'Let the transfers of a seller go on although the seller owes a reversal; see the public wrapper.';
grant execute on function private.release_transfers to authenticated, service_role;

create function private.release_blocked_transfers(p_seller_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  if p_seller_id = auth.uid() then
    return private.refusal('FORBIDDEN', 'These transfers are yours');
  end if;
  update public.outbox set payload = payload || '{"transfers_released": true}'
  where id in (select id from private.blocking_reversals(p_seller_id));
  get diagnostics v_count = row_count;
  if v_count = 0 then
    return private.refusal('CONFLICT', 'No transfer of this seller waits for a reversal');
  end if;
  perform private.wake_transfers(p_seller_id);
  perform private.write_audit(
    auth.uid(), 'transfers_released', 'users', p_seller_id::text, p_reason,
    jsonb_build_object('reversals', v_count)
  );
  return jsonb_build_object('success', true, 'reversals', v_count);
end;
$$;
comment on function private.release_blocked_transfers is 'Mark the reversals that block a seller''s transfers as released, and audit it; or return the refusal.';

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

-- Payouts: RPCs.

create function public.begin_onboarding(user_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.begin_onboarding(begin_onboarding.user_id);
end;
$$;
comment on function public.begin_onboarding is 'Return what the Connect account of a seller is made from: {success, account_id, answered_errors, seller_since}. account_id is null until the seller has an account. Refusals: PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED.';
grant execute on function public.begin_onboarding to service_role;

create function public.record_connect_error(
  user_id uuid, answered_errors integer, error_code text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_connect_error(
    record_connect_error.user_id,
    record_connect_error.answered_errors,
    record_connect_error.error_code
  );
end;
$$;
comment on function public.record_connect_error is 'Count an error that Stripe answered to a new Connect account under the key with this count: {success, answered_errors}. Refuses with RESOURCE_NOT_FOUND.';
grant execute on function public.record_connect_error to service_role;

create function public.set_connect_account(user_id uuid, account_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.set_connect_account(
    set_connect_account.user_id, set_connect_account.account_id
  );
end;
$$;
comment on function public.set_connect_account is 'Make a Connect account the one of a seller, once only: {success}. The same account again changes nothing. Refusals: PROFILE_NOT_FOUND, CONFLICT if the seller has another account or another seller has this one.';
grant execute on function public.set_connect_account to service_role;

create function public.begin_account_read(account_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.begin_account_read(begin_account_read.account_id);
end;
$$;
comment on function public.begin_account_read is 'Return the number of a new read of a Connect account: {read_number}, or null for an account that no seller has. Call it before the read at Stripe. The result of a read changes nothing once a later one was applied.';
grant execute on function public.begin_account_read to service_role;

create function public.apply_account_updated(
  event_id text, account_id text, read_number bigint, payouts_enabled boolean
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_account_updated(
    apply_account_updated.event_id,
    apply_account_updated.account_id,
    apply_account_updated.read_number,
    apply_account_updated.payouts_enabled
  );
end;
$$;
comment on function public.apply_account_updated is 'Apply account.updated with the state that was read at Stripe. Answers {outcome, order_id, outbox_ids, alerts}. When payouts become enabled, the transfers that wait for them are due at once.';
grant execute on function public.apply_account_updated to service_role;

create function public.record_account_read(
  account_id text, read_number bigint, payouts_enabled boolean
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_account_read(
    record_account_read.account_id,
    record_account_read.read_number,
    record_account_read.payouts_enabled
  );
end;
$$;
comment on function public.record_account_read is 'Record the state of a Connect account that was read at Stripe without an event: {success, found}. found is false if no seller has the account.';
grant execute on function public.record_account_read to service_role;

create function public.list_payouts(user_id uuid, max_rows integer)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_payouts(list_payouts.user_id, list_payouts.max_rows);
end;
$$;
comment on function public.list_payouts is 'Return the payouts of a seller: {success, payouts_enabled, pending_cents, paid_cents, payouts}, the newest first, at most 100. pending_cents waits for its transfer, paid_cents was transferred and not reversed.';
grant execute on function public.list_payouts to service_role;

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

create function public.release_transfers(
  seller_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.release_transfers(
    release_transfers.seller_id, release_transfers.reason, release_transfers.client_request_id
  );
end;
$$;
comment on function public.release_transfers is 'Let the transfers of a seller go on although Stripe could not collect a reversal from the seller yet: {success, reversals}; for staff and our own processes, audited. Refusals: VALIDATION_ERROR, CONFLICT if no transfer waits, FORBIDDEN (the caller''s own transfers), REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';
grant execute on function public.release_transfers to authenticated, service_role;

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

-- Payouts: grants and row level security.

alter table public.payouts enable row level security;
grant select (
  id, order_id, seller_id, outbox_id, stripe_transfer_id, amount_cents, reversed_cents, status,
  created_at, updated_at
) on public.payouts to authenticated;

create policy sellers_read_their_payouts on public.payouts
for select to authenticated
using (
  seller_id = (select auth.uid())
  or (select private.is_staff())
  and (
    select orders.buyer_id <> (select auth.uid()) from public.orders
    where orders.id = payouts.order_id
  )
);
comment on policy sellers_read_their_payouts on public.payouts is 'The seller and staff read a payout, but not staff who are the buyer.';

alter table private.connect_accounts enable row level security;

-- Payouts: triggers.

create trigger payouts_stamp_updated_at
before update on public.payouts
for each row execute function private.stamp_updated_at();

create trigger connect_accounts_stamp_updated_at
before update on private.connect_accounts
for each row execute function private.stamp_updated_at();

create trigger outbox_keep_payouts_in_step
after update of status on public.outbox
for each row
when (new.kind = 'transfer' and old.status is distinct from new.status)
execute function private.follow_outbox_status();
