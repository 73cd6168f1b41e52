set lock_timeout = '2s';
set statement_timeout = '30s';

comment on column private.open_alerts.subject is 'The id of the event, outbox row, order or object of Stripe that the alert is about.';

comment on function private.shipper_refusal is 'Return the refusal of a user who is not the seller of this order, or null.';

create or replace function private.record_balance_transactions(p_transactions jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  insert into private.balance_transactions (
    id, source_id, kind, amount_cents, currency, payment_intent_id, transfer_id, order_ref,
    order_id, created_at, recorded_at
  )
  select
    moved.id, moved.source_id, moved.kind, moved.amount_cents, moved.currency,
    moved.payment_intent_id, moved.transfer_id, moved.order_ref,
    private.order_of_movement(moved.payment_intent_id, moved.transfer_id, moved.order_ref),
    to_timestamp(moved.created), v_now
  from jsonb_to_recordset(p_transactions) as moved (
    id text, source_id text, kind text, amount_cents bigint, currency text,
    payment_intent_id text, transfer_id text, order_ref text, created bigint
  )
  on conflict (id) do nothing;
  get diagnostics v_count = row_count;

  -- The event about a payment or payout may come only after Stripe has moved its money.
  update private.balance_transactions as moved
  set order_id = found.order_id, recorded_at = v_now
  from (
    select id, private.order_of_movement(payment_intent_id, transfer_id, order_ref) as order_id
    from private.balance_transactions
    where order_id is null and recorded_at > v_now - interval '24 hours'
  ) as found
  where moved.id = found.id and found.order_id is not null;
  return v_count;
end;
$$;

comment on function private.orders_to_check is 'Return the orders whose check is due: first those whose money has moved, then those whose last check found a fault, then all others once an hour, the longest unchecked first.';

comment on function private.check_results is 'Return the result of a check of each of these orders, and an alert for each fault that the last check did not find. The end of a difference unblocks the order.';

create or replace function private.purge_old_rows(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
  v_most integer;
begin
  -- Some of these scans have no index, because rows expire slowly. So once an hour is enough.
  if exists (
    select from private.reading_positions
    where list = 'expired_rows' and reached_at > v_now - interval '1 hour'
  ) then
    return 0;
  end if;
  v_most := private.purge_payloads(p_max_rows, v_now - 90 * interval '24 hours');

  delete from private.rate_limits
  where ctid in (
    select ctid from private.rate_limits
    where window_start < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  );
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  delete from private.job_runs
  where id in (
    select id from private.job_runs
    where started_at < v_now - 30 * interval '24 hours'
    limit p_max_rows
    for update skip locked
  );
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  delete from private.object_checks
  where object_id in (
    select object_id from private.object_checks
    where checked_at < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  );
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);
  if v_most < p_max_rows then
    perform private.advance_reading('expired_rows', floor(extract(epoch from v_now))::bigint);
  end if;
  return v_most;
end;
$$;

create or replace function private.reading_window(p_list text, p_span_s integer, p_delay_s integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_newest constant timestamptz := v_now - make_interval(secs => p_delay_s);
  v_reached timestamptz;
  v_until timestamptz;
begin
  select reached_at into v_reached from private.reading_positions where list = p_list;
  -- Without a position nothing was read yet. Money concerns orders, so the first order bounds it.
  v_reached := coalesce(v_reached, (select min(created_at) from public.orders), v_newest);
  if p_list = 'events' then
    -- Stripe lists events for 30 days, and all other objects for ever.
    v_reached := greatest(v_reached, v_now - 29 * interval '24 hours');
  end if;
  v_until := least(v_newest, v_reached + make_interval(secs => p_span_s));
  return jsonb_build_object(
    'now', floor(extract(epoch from v_now)),
    -- Stripe's list may show an object late, and its clock may differ from ours.
    'since', floor(extract(epoch from v_reached - interval '5 minutes')),
    'until', floor(extract(epoch from v_until)),
    'is_newest', v_until >= v_newest
  );
end;
$$;

comment on function public.check_orders is 'Check at most max_rows orders: {count, alerts [{order_id, alerts}]}. ledger_drifted: the rows and the ledger of the order disagree. order_unlike_stripe: its ledger differs from Stripe''s movements in two checks at least ten minutes apart, and it gets no transfer until they agree. Orders whose money has moved come first, and each order is checked about once an hour. Any number of workers may call.';
