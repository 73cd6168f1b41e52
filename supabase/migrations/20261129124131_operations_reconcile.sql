set lock_timeout = '2s';
set statement_timeout = '30s';

-- squawk-ignore require-concurrent-index-creation
create index payments_open_created_at_idx on public.payments (created_at)
where status in ('requires_payment', 'processing', 'authorized', 'failed');

-- squawk-ignore require-concurrent-index-creation
create index refunds_pending_created_at_idx on public.refunds (created_at)
where status = 'pending';

-- squawk-ignore require-concurrent-index-creation
create index webhook_events_received_at_idx on public.webhook_events using brin (received_at);

-- squawk-ignore require-concurrent-index-creation
create index webhook_events_order_not_found_idx on public.webhook_events (order_ref)
where outcome = 'order_not_found';

create table private.reading_positions (
  list text not null, -- noqa: RF04
  reached_at timestamptz not null,
  constraint reading_positions_pkey primary key (list)
);
comment on table private.reading_positions is 'The time up to which reconcile has read each list, of Stripe or of expired rows. The time is part of the database, so a restored database reads the lost hours again.';

create table private.object_checks (
  object_id text not null,
  checked_at timestamptz not null,
  constraint object_checks_pkey primary key (object_id)
);
comment on table private.object_checks is 'The time at which reconcile last read an open object of Stripe again. Each object gets its turn, and two workers never read one at the same time.';

-- squawk-ignore require-concurrent-index-creation
create index object_checks_checked_at_idx on private.object_checks (checked_at);

create function private.unknown_event_ids(p_ids text[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return coalesce(
    (
      select jsonb_agg(given.id order by given.position)
      from unnest(p_ids) with ordinality as given (id, position)
      where not exists (select from public.webhook_events where event_id = given.id)
    ),
    '[]'
  );
end;
$$;
comment on function private.unknown_event_ids is 'Return the ids that the inbox does not hold; see the public wrapper.';
grant execute on function private.unknown_event_ids to service_role;

create function private.requeue_events_of_orders(p_order_refs text[], p_now timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  update public.webhook_events
  set
    status = 'received', outcome = null, processed_at = null, attempts = 0,
    next_attempt_at = p_now, error_code = null
  where event_id in (
    select event_id from public.webhook_events
    where outcome = 'order_not_found' and order_ref = any(p_order_refs) and payload is not null
    -- Events are locked before orders. The caller may hold an auction or order, so it must not wait
    -- here.
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.requeue_events_of_orders is 'Make events due again that found no order when they came. After a restore an event may come before its order is created again. Return their number.';

create function private.requeue_found_events(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return private.requeue_events_of_orders(
    array(
      select event.order_ref
      from public.webhook_events as event
        join public.orders on orders.id = private.order_id_in(event.order_ref)
      where event.outcome = 'order_not_found' and event.payload is not null
      limit p_max_rows
    ),
    v_now
  );
end;
$$;
comment on function private.requeue_found_events is 'Make events due again whose order exists by now; see the public wrapper.';
grant execute on function private.requeue_found_events to service_role;

create function private.read_gauges()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return (
    select jsonb_build_object(
      'oldest_unprocessed_event_seconds',
      coalesce(extract(epoch from v_now - min(received_at)), 0)
    )
    from public.webhook_events
    where status in ('received', 'failed')
  ) || (
    select jsonb_build_object('unpaid_overdue_orders', count(*))
    from public.orders
    where state = 'pending_payment' and payment_due_at <= v_now
  );
end;
$$;
comment on function private.read_gauges is 'Return the figures that reconcile reports; see the public wrapper.';
grant execute on function private.read_gauges to service_role;

create or replace function private.scheduled_jobs()
returns table (job text, schedule text, command text)
language sql
immutable
set search_path = ''
as $$
  values
  ('activate_due_auctions', '10 seconds', 'select private.activate_due_auctions(1000)'),
  ('end_expired_auctions', '10 seconds', 'select private.end_expired_auctions(1000)'),
  ('expire_unpaid_orders', '* * * * *', 'select private.expire_unpaid_orders(1000)'),
  ('settle_due_orders', '* * * * *', 'select private.settle_due_orders(1000)')
$$;
comment on function private.scheduled_jobs is 'Return the jobs that the database runs itself, so that auctions close and orders meet their deadlines even if every worker is down.';

create function private.purge_old_rows(p_max_rows integer)
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
  v_most := private.purge_payloads(p_max_rows, v_now - interval '2160 hours');

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
    where started_at < v_now - interval '720 hours'
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
comment on function private.purge_old_rows is 'Delete data that has expired; see the public wrapper.';
grant execute on function private.purge_old_rows to service_role;

create function private.purge_payloads(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_reached constant timestamptz := coalesce(
    (select reached_at from private.reading_positions where list = 'expired_payloads'), '-infinity'
  );
  v_last timestamptz;
  v_count integer;
begin
  with expired as (
    -- Events before the position have no payload any more, so no run looks at them again.
    select event_id, received_at from public.webhook_events
    where received_at >= v_reached and received_at < p_before
    order by received_at
    limit p_max_rows
  ), purged as (
    update public.webhook_events as event
    set payload = null
    from expired
    where event.event_id = expired.event_id
      and event.payload is not null
      -- A dead event keeps its payload, because staff may requeue it.
      and event.processed_at is not null
  )
  select max(received_at), count(*) into v_last, v_count from expired;
  insert into private.reading_positions as position (list, reached_at)
  select 'expired_payloads', v_last where v_last is not null
  on conflict (list) do update set reached_at = excluded.reached_at
  where position.reached_at < excluded.reached_at;
  return v_count;
end;
$$;
comment on function private.purge_payloads is 'Delete the payloads of settled events that were received before a time. The id, the hash and the outcome stay. Return the number of events that were looked at.';

create function private.reading_window(p_list text, p_span_s integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  -- Stripe delivers an event for up to ten seconds before reconcile looks for it.
  v_newest constant timestamptz := v_now - interval '10 seconds';
  v_reached timestamptz;
  v_until timestamptz;
begin
  select reached_at into v_reached from private.reading_positions where list = p_list;
  -- Without a position nothing was read yet. Money concerns orders, so the first order bounds it.
  v_reached := greatest(
    coalesce(v_reached, (select min(created_at) from public.orders), v_newest),
    -- Stripe keeps events for 30 days.
    v_now - interval '696 hours'
  );
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
comment on function private.reading_window is 'Return the part of one of Stripe''s lists that reconcile reads next; see the public wrapper.';
grant execute on function private.reading_window to service_role;

create function private.advance_reading(p_list text, p_until bigint)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.reading_positions as position (list, reached_at)
  values (p_list, to_timestamp(p_until))
  on conflict (list) do update set reached_at = excluded.reached_at
  where position.reached_at < excluded.reached_at;
  return found;
end;
$$;
comment on function private.advance_reading is 'Record that a list of Stripe was read up to a time; see the public wrapper.';
grant execute on function private.advance_reading to service_role;

create function private.claim_checks(
  p_object_ids text[], p_max_rows integer, p_now timestamptz
)
returns setof text
language plpgsql
set search_path = ''
as $$
begin
  return query
  with due as (
    select object.id
    from unnest(p_object_ids) as object (id)
      left join private.object_checks as last_check on object.id = last_check.object_id
    where last_check.checked_at is null or last_check.checked_at <= p_now - interval '10 minutes'
    order by last_check.checked_at nulls first, object.id
    limit p_max_rows
  )
  insert into private.object_checks as last_check (object_id, checked_at)
  select due.id, p_now from due
  on conflict (object_id) do update set checked_at = excluded.checked_at
  -- Another worker may have claimed the object meanwhile.
  where last_check.checked_at <= p_now - interval '10 minutes'
  returning last_check.object_id;
end;
$$;
comment on function private.claim_checks is 'Return at most p_max_rows of these objects of Stripe for another reading, those first that were not read for the longest time. An object is claimed at most every ten minutes.';

create function private.record_job_run(
  p_job text, p_started_at text, p_processed integer, p_failed integer, p_error text
)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_started_at constant timestamptz := private.time_or_null(p_started_at);
  v_now constant timestamptz := private.clock();
begin
  if v_started_at is null then
    raise sqlstate 'PT400' using message = 'VALIDATION_ERROR';
  end if;
  insert into private.job_runs (job, started_at, finished_at, processed, failed, error)
  select p_job, v_started_at, v_now, p_processed, p_failed, left(p_error, 2000)
  -- The call may be repeated after a lost answer.
  where not exists (
    select from private.job_runs where job = p_job and started_at = v_started_at
  );
  return found;
end;
$$;
comment on function private.record_job_run is 'Record a run of a job, once; see the public wrapper.';
grant execute on function private.record_job_run to service_role;

create function private.send_order_reminders(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_due_before constant timestamptz := v_now
  + make_interval(hours => private.setting('reminder_before_h')::integer);
  v_paid_by constant timestamptz := v_now - private.setting_days('handover_due_days');
  v_reminder record;
  v_count integer := 0;
begin
  for v_reminder in
    select due.*, listings.title as listing_title
    from (
      select id, listing_id, buyer_id as user_id, 'payment_reminder' as type,
        'Please pay soon' as title,
        'Your order for %s is still unpaid and will be cancelled soon.' as message
      from public.orders
      where state = 'pending_payment' and payment_due_at > v_now and payment_due_at <= v_due_before
      union all
      select id, listing_id, seller_id, 'handover_reminder', 'Please hand over soon',
        'Hand over %s within two days, or the order is cancelled and the buyer gets the money back.'
      from public.orders
      where state in ('paid', 'ready_for_handover')
        and not refund_pending
        and paid_at > v_paid_by
        and paid_at <= v_paid_by + interval '48 hours'
    ) as due
      join public.listings on due.listing_id = listings.id
    where not exists (
      select from public.notifications where dedupe_key = due.type || ':' || due.id
    )
    limit p_max_rows
  loop
    perform private.notify(
      v_reminder.user_id, v_reminder.type, v_reminder.title,
      format(v_reminder.message, v_reminder.listing_title),
      jsonb_build_object('order_id', v_reminder.id),
      v_reminder.type || ':' || v_reminder.id
    );
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.send_order_reminders is 'Remind buyers to pay and sellers to hand over; see the public wrapper.';
grant execute on function private.send_order_reminders to service_role;

create or replace function private.open_order(p_auction public.auctions, p_now timestamptz)
returns public.orders
language plpgsql
set search_path = ''
as $$
declare
  v_fee_bps constant integer := private.setting('platform_fee_bps');
  v_fee_cents constant bigint := private.fee_cents(p_auction.current_price_cents, v_fee_bps);
  v_order public.orders;
begin
  insert into public.orders (
    id, listing_id, auction_id, winning_bid_id, buyer_id, seller_id, amount_cents,
    platform_fee_cents, seller_amount_cents, platform_fee_bps, payment_due_at
  )
  select
    md5('order:' || p_auction.id::text)::uuid, listings.id, p_auction.id, p_auction.high_bid_id,
    p_auction.high_bidder_id, listings.seller_id, p_auction.current_price_cents, v_fee_cents,
    p_auction.current_price_cents - v_fee_cents, v_fee_bps,
    p_now + make_interval(hours => private.setting('payment_due_hours')::integer)
  from public.listings
  where listings.id = p_auction.listing_id
  on conflict (auction_id) do nothing
  returning * into v_order;
  if v_order.id is null then
    select * into v_order from public.orders where auction_id = p_auction.id;
    return v_order;
  end if;

  insert into public.order_events (order_id, to_state, actor_kind, reason, created_at)
  values (v_order.id, 'pending_payment', 'system', 'auction_won', p_now);
  perform private.open_order_thread(v_order, p_now);
  perform private.notify_of_sale(v_order);
  -- An order that is created again after a restore may find events about it in the inbox.
  perform private.requeue_events_of_orders(array[v_order.id::text], p_now);
  return v_order;
end;
$$;

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

create function private.record_intent(
  p_order_id uuid, p_payment_intent_id text, p_status text, p_charge_id text,
  p_amount_cents bigint, p_currency text, p_buyer_id text
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

create function public.unknown_event_ids(ids text[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.unknown_event_ids(unknown_event_ids.ids);
end;
$$;
comment on function public.unknown_event_ids is 'Return those of these event ids that the inbox does not hold, in their order.';
grant execute on function public.unknown_event_ids to service_role;

create function public.requeue_found_events(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_found_events(requeue_found_events.max_rows);
end;
$$;
comment on function public.requeue_found_events is 'Make events due again that named an unknown order when they came, and whose order exists by now. Return their number.';
grant execute on function public.requeue_found_events to service_role;

create function public.record_job_run(
  job text, started_at text, processed integer, failed integer, error text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  return private.record_job_run(
    record_job_run.job,
    record_job_run.started_at,
    record_job_run.processed,
    record_job_run.failed,
    record_job_run.error
  );
end;
$$;
comment on function public.record_job_run is 'Record a run of a job that has ended. started_at is the server_time that database_is_ready answered when the run began. error names each part that failed, with its code. A repeated call answers false and changes nothing. Raises VALIDATION_ERROR.';
grant execute on function public.record_job_run to service_role;

create function public.reading_window(list text, span_s integer)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.reading_window(reading_window.list, reading_window.span_s);
end;
$$;
comment on function public.reading_window is 'Return the part of one of Stripe''s lists that comes next: {now, since, until, is_newest}, in Unix seconds. until is at most span_s after the time that advance_reading has recorded. since is earlier, because a list may show an object late. is_newest is false if more parts follow.';
grant execute on function public.reading_window to service_role;

create function public.advance_reading(list text, until bigint)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  return private.advance_reading(advance_reading.list, advance_reading.until);
end;
$$;
comment on function public.advance_reading is 'Record that a list of Stripe was read up to a time in Unix seconds. An earlier time changes nothing, so several workers may read at once.';
grant execute on function public.advance_reading to service_role;

create function public.purge_old_rows(max_rows integer default 1000)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.purge_old_rows(purge_old_rows.max_rows);
end;
$$;
comment on function public.purge_old_rows is 'Delete at most max_rows of each kind of expired data, and return the largest number: payloads of settled events after 90 days (ids stay), rate limit windows and readings after a day, job runs after 30 days. Once everything is done, calls within an hour answer 0.';
grant execute on function public.purge_old_rows to service_role;

create function public.read_gauges()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.read_gauges();
end;
$$;
comment on function public.read_gauges is 'Return figures for metrics: {oldest_unprocessed_event_seconds, unpaid_overdue_orders}.';
grant execute on function public.read_gauges to service_role;

create function public.send_order_reminders(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.send_order_reminders(send_order_reminders.max_rows);
end;
$$;
comment on function public.send_order_reminders is 'Remind buyers reminder_before_h before their payment is due, and sellers two days before an order that was not handed over is cancelled. Each order gets a reminder once. Return their number.';
grant execute on function public.send_order_reminders to service_role;

create function public.claim_open_intents(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_open_intents(claim_open_intents.max_rows);
end;
$$;
comment on function public.claim_open_intents is 'Return intents that may have changed at Stripe without an event: an array of {payment_intent_id, order_id}. They are open and at least ten minutes old. Each is returned at most every ten minutes, to one caller.';
grant execute on function public.claim_open_intents to service_role;

create function public.claim_open_refunds(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_open_refunds(claim_open_refunds.max_rows);
end;
$$;
comment on function public.claim_open_refunds is 'Return the ids at Stripe of pending refunds that may have changed without an event, as claim_open_intents does.';
grant execute on function public.claim_open_refunds to service_role;

create function public.record_intent(
  order_id uuid, payment_intent_id text, status text, charge_id text, amount_cents bigint,
  currency text, buyer_id text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_intent(
    record_intent.order_id,
    record_intent.payment_intent_id,
    record_intent.status,
    record_intent.charge_id,
    record_intent.amount_cents,
    record_intent.currency,
    record_intent.buyer_id
  );
end;
$$;
comment on function public.record_intent is 'Apply the state of an intent that the caller has just read from Stripe, as the event about it does: {outcome, order_id, outbox_ids, alerts}. Only succeeded and canceled change anything.';
grant execute on function public.record_intent to service_role;

create function public.record_refund(
  stripe_refund_id text, outbox_id text, payment_intent_id text, amount_cents bigint, status text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_refund(
    record_refund.stripe_refund_id,
    record_refund.outbox_id,
    record_refund.payment_intent_id,
    record_refund.amount_cents,
    record_refund.status
  );
end;
$$;
comment on function public.record_refund is 'Apply the state of a refund that the caller has just read from Stripe, as the event about it does: {outcome, order_id, outbox_ids, alerts}. A refund of an unknown payment is ignored.';
grant execute on function public.record_refund to service_role;

create function public.discard_unattached_intents(payment_intent_ids text[], order_refs text[])
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.discard_unattached_intents(
    discard_unattached_intents.payment_intent_ids,
    discard_unattached_intents.order_refs
  );
end;
$$;
comment on function public.discard_unattached_intents is 'Cancel open intents that were made for orders of ours and attached to none, through the outbox; order_refs names the order of each. Return the number of intents that are queued now.';
grant execute on function public.discard_unattached_intents to service_role;

alter table private.reading_positions enable row level security;

alter table private.object_checks enable row level security;

select private.schedule_jobs();
