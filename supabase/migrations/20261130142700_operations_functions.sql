-- This migration makes figures, checks and purges work. It schedules the jobs of pg_cron if the
-- database has pg_cron.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Operations: functions.

create function private.raise_alerts(p_subject text, p_alerts text[])
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  if p_alerts = '{}' then
    return p_alerts;
  end if;
  v_now := private.clock();
  insert into private.open_alerts (subject, name, leased_until)
  -- The caller gets ten seconds to log and confirm the alert before a worker does.
  select p_subject, alert, v_now + interval '10 seconds' from unnest(p_alerts) as alert
  on conflict (subject, name) do nothing;
  return p_alerts;
end;
$$;
comment on function private.raise_alerts is 'Keep alerts until a process confirms that it has logged them; return them for the answer to the caller.';

create function private.unconfirmed_alerts(p_subject text)
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return array(
    select name from private.open_alerts where subject = p_subject order by created_at, name
  );
end;
$$;
comment on function private.unconfirmed_alerts is 'Return the unconfirmed alerts about an object. An effect RPC that is repeated answers them again, because its first answer may have been lost.';

create function private.confirm_alerts(p_subject text, p_names text[])
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from private.open_alerts where subject = p_subject and name = any(p_names);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.confirm_alerts is 'Remove alerts that the caller has logged; see the public wrapper.';
grant execute on function private.confirm_alerts to service_role;

create function private.claim_alerts(p_max_rows integer, p_lease_s integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_rows jsonb;
begin
  with due as (
    select subject, name from private.open_alerts
    where leased_until <= v_now
    order by leased_until
    limit p_max_rows
    for update skip locked
  ), claimed as (
    update private.open_alerts as alert
    set leased_until = v_now + make_interval(secs => p_lease_s)
    from due
    where alert.subject = due.subject and alert.name = due.name
    returning alert.*
  )
  select coalesce(
    jsonb_agg(jsonb_build_object('subject', subject, 'name', name) order by created_at, name),
    '[]'
  )
  into v_rows
  from claimed;
  return v_rows;
end;
$$;
comment on function private.claim_alerts is 'Lease unconfirmed alerts to a worker; see the public wrapper.';
grant execute on function private.claim_alerts to service_role;

create function private.record_balance_transactions(p_transactions jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  if exists (
    select from jsonb_to_recordset(p_transactions) as moved (
      id text, source_id text, kind text, amount_cents bigint, currency text, created bigint
    )
    where num_nulls(id, source_id, kind, amount_cents, currency, created) > 0
  ) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
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
comment on function private.record_balance_transactions is 'Record movements of our balance at Stripe; see the public wrapper.';
grant execute on function private.record_balance_transactions to service_role;

create function private.order_of_movement(
  p_payment_intent_id text, p_transfer_id text, p_order_ref text
)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    (select order_id from public.payments where stripe_payment_intent_id = p_payment_intent_id),
    (select order_id from public.payouts where stripe_transfer_id = p_transfer_id),
    (select id from public.orders where id = private.order_id_in(p_order_ref))
  );
end;
$$;
comment on function private.order_of_movement is 'Return the order that a movement at Stripe belongs to: that of its payment or payout, or else the one that its metadata names. Null if we have none.';

create function private.stripe_differences(p_order_ids uuid[])
returns table (order_id uuid, cents bigint)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  select orders.id, coalesce(stripe.cents, 0) - coalesce(ledger.cents, 0)
  from public.orders
    left join (
      select moved.order_id, sum(moved.amount_cents)::bigint as cents
      from private.balance_transactions as moved
        join public.orders on moved.order_id = orders.id
        left join public.payments on moved.payment_intent_id = payments.stripe_payment_intent_id
        left join public.refunds on moved.source_id = refunds.stripe_refund_id
      where moved.order_id = any(p_order_ids)
        -- Stripe books a stray in another currency after it has converted the money.
        and moved.currency = orders.currency
        and coalesce(payments.currency, orders.currency) = orders.currency
        -- Stripe books a refund at its request, and the ledger when it has succeeded.
        and refunds.status is distinct from 'pending'
      group by moved.order_id
    ) as stripe on orders.id = stripe.order_id
    left join (
      select entry.order_id, sum(entry.amount_cents)::bigint as cents
      from public.ledger_entries as entry join public.orders on entry.order_id = orders.id
      where entry.order_id = any(p_order_ids)
        and entry.account = 'stripe_clearing'
        and entry.currency = orders.currency
      group by entry.order_id
    ) as ledger on orders.id = ledger.order_id
  where orders.id = any(p_order_ids);
end;
$$;
comment on function private.stripe_differences is 'Return for each of these orders the money that Stripe has moved, less the money that its ledger shows at Stripe, in the order''s currency. Zero if both agree.';

create function private.has_difference(p_order_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.order_checks where order_id = p_order_id and is_blocked
  );
end;
$$;
comment on function private.has_difference is 'Return true if two checks at least ten minutes apart found that the ledger of an order and Stripe disagree. Its transfers must wait.';

create function private.check_orders(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_order_ids uuid[] := private.orders_to_check(p_max_rows, v_now);
  v_alerts jsonb;
begin
  v_order_ids := array(
    select order_id from private.order_checks
    where order_id = any(v_order_ids)
    for update skip locked
  );
  with result as materialized (
    select * from private.check_results(v_order_ids, v_now)
  ), recorded as (
    update private.order_checks as last_check
    set
      checked_at = v_now,
      has_drift = result.has_drift,
      difference_cents = result.difference_cents,
      differs_since = result.differs_since,
      is_blocked = result.is_blocked
    from result
    where last_check.order_id = result.order_id
  )
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'order_id', order_id,
        'alerts', private.raise_alerts(order_id::text, alerts)
      )
    ),
    '[]'
  )
  into v_alerts
  from result
  where alerts <> '{}';
  return jsonb_build_object('count', cardinality(v_order_ids), 'alerts', v_alerts);
end;
$$;
comment on function private.check_orders is 'Compare orders with their ledger, and the ledger with Stripe; see the public wrapper.';
grant execute on function private.check_orders to service_role;

create function private.orders_to_check(p_max_rows integer, p_now timestamptz)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return array(
    select candidate.order_id
    from (
      -- A commit may come a little later than the time of its rows, so the last check must too.
      select last_check.order_id, 1 as rank, last_check.checked_at
      from (
        select order_id, max(created_at) as changed_at from public.ledger_entries
        where created_at > p_now - interval '1 hour'
        group by order_id
        union all
        select order_id, max(recorded_at) from private.balance_transactions
        where recorded_at > p_now - interval '1 hour'
        group by order_id
      ) as change
        join private.order_checks as last_check using (order_id)
      where last_check.checked_at <= change.changed_at + interval '5 seconds'
      union all
      select order_id, 2, checked_at from private.order_checks
      where (has_drift or differs_since is not null)
        and checked_at <= p_now - interval '30 seconds'
      union all
      (
        select order_id, 3, checked_at from private.order_checks
        where checked_at <= p_now - interval '1 hour'
        order by checked_at
        limit p_max_rows
      )
    ) as candidate
    group by candidate.order_id
    order by min(candidate.rank), min(candidate.checked_at), candidate.order_id
    limit p_max_rows
  );
end;
$$;
comment on function private.orders_to_check is 'Return the orders whose check is due: first those whose money has moved, then those whose last check found a fault, then all others once an hour, the longest unchecked first.';

create function private.check_results(p_order_ids uuid[], p_now timestamptz)
returns table (
  order_id uuid, has_drift boolean, difference_cents bigint, differs_since timestamptz,
  is_blocked boolean, alerts text[]
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  -- Without a recent reading of Stripe's list every new entry would look like a difference.
  v_is_stripe_read constant boolean := exists (
    select from private.reading_positions
    where list = 'balance_transactions' and reached_at > p_now - interval '5 minutes'
  );
  v_drifted_ids constant uuid[] := array(select order_id from private.drift_of(p_order_ids));
begin
  return query
  select
    last_check.order_id, found.has_drift, found.cents, found.since, found.is_blocked,
    case when found.has_drift and not last_check.has_drift then array['ledger_drifted'] end
    || case
      when found.is_blocked and not last_check.is_blocked then array['order_unlike_stripe']
    end
    || '{}'::text[]
  from private.order_checks as last_check
    join private.stripe_differences(p_order_ids) as stripe
      on last_check.order_id = stripe.order_id
    cross join lateral (
      select
        case when v_is_stripe_read then stripe.cents else last_check.difference_cents end as cents
    ) as difference
    cross join lateral (
      select
        case
          when difference.cents <> 0 then coalesce(last_check.differs_since, p_now)
        end as since
    ) as start
    cross join lateral (
      select
        last_check.order_id = any(v_drifted_ids) as has_drift,
        difference.cents,
        start.since,
        case
          when v_is_stripe_read
            then coalesce(start.since <= p_now - interval '10 minutes', false)
          else last_check.is_blocked
        end as is_blocked
    ) as found
  where last_check.order_id = any(p_order_ids);
end;
$$;
comment on function private.check_results is 'Return the result of a check of each of these orders, and an alert for each fault that the last check did not find. The end of a difference unblocks the order.';

create function private.claim_differing_orders(p_max_rows integer)
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
    select order_id::text from private.order_checks where differs_since is not null
  );
  return to_jsonb(array(select private.claim_checks(v_ids, p_max_rows, v_now)));
end;
$$;
comment on function private.claim_differing_orders is 'Return orders that differ from Stripe; see the public wrapper.';
grant execute on function private.claim_differing_orders to service_role;

create function private.staff_list_faults(p_max_rows integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.refuse_unless_staff();
  if p_max_rows is null or p_max_rows not between 1 and 100 then
    return private.refusal('VALIDATION_ERROR', 'A page has 1 to 100 rows');
  end if;
  return jsonb_build_object(
    'success', true,
    'orders', (
      select coalesce(jsonb_agg(to_jsonb(page) order by page.checked_at desc, page.order_id), '[]')
      from (
        select
          order_id, has_drift, difference_cents, differs_since, is_blocked, checked_at
        from private.order_checks
        where has_drift or differs_since is not null
        order by checked_at desc, order_id
        limit p_max_rows
      ) as page
    ),
    'outages', (
      select coalesce(jsonb_agg(to_jsonb(page) order by page.started_at desc), '[]')
      from (
        select started_at, ended_at from private.outages
        order by started_at desc
        limit p_max_rows
      ) as page
    )
  );
end;
$$;
comment on function private.staff_list_faults is 'Return orders whose books disagree, and outages, to staff; see the public wrapper.';
grant execute on function private.staff_list_faults to authenticated;

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
  return private.read_queue_gauges(v_now) || (
    select jsonb_build_object(
      'overdue_auctions', count(*),
      'oldest_overdue_auction_seconds', coalesce(extract(epoch from v_now - min(end_at)), 0)
    )
    from public.auctions
    where status = 'live' and end_at <= v_now
  ) || (
    select jsonb_build_object('postponed_auctions', count(*)) from private.finalize_failures
  ) || (
    select jsonb_build_object(
      'last_heartbeat_seconds', coalesce(extract(epoch from v_now - max(beat_at)), 0)
    )
    from private.heartbeats
  ) || (
    select jsonb_build_object(
      'held_messages', count(*),
      'oldest_held_message_seconds', coalesce(extract(epoch from v_now - min(created_at)), 0)
    )
    from public.messages
    where delivery = 'held'
  ) || (
    select jsonb_build_object('unpaid_overdue_orders', count(*))
    from public.orders
    where state = 'pending_payment' and payment_due_at <= v_now
  ) || (
    select jsonb_build_object(
      'ledger_drift_orders', count(*) filter (where has_drift),
      'orders_unlike_stripe', count(*) filter (where is_blocked)
    )
    from private.order_checks
    where has_drift or differs_since is not null
  );
end;
$$;
comment on function private.read_gauges is 'Return the figures that reconcile reports; see the public wrapper.';
grant execute on function private.read_gauges to service_role;

create function private.record_gauges()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  -- Two workers may call at once: the second waits for the first one's position, and finds it new.
  insert into private.reading_positions as position (list, reached_at)
  values ('gauges', v_now)
  on conflict (list) do update set reached_at = excluded.reached_at
  where position.reached_at <= excluded.reached_at - interval '5 minutes';
  if not found then
    return 0;
  end if;
  insert into public.metrics (metric_type, metric_name, value, recorded_at)
  select 'gauge', gauge.key, gauge.value::numeric, v_now
  from jsonb_each_text(private.read_gauges()) as gauge;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.record_gauges is 'Add the figures of read_gauges to the metrics; see the public wrapper.';
grant execute on function private.record_gauges to service_role;

create function private.read_queue_gauges(p_now timestamptz)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'inbox_waiting_events', count(*),
      'oldest_unprocessed_event_seconds', coalesce(extract(epoch from p_now - min(received_at)), 0)
    )
    from public.webhook_events
    where status in ('received', 'failed')
  ) || (
    select jsonb_build_object(
      'outbox_waiting_rows', count(*),
      'oldest_unsent_outbox_row_seconds',
      coalesce(extract(epoch from p_now - min(created_at)), 0),
      'outbox_overdue_seconds',
      coalesce(greatest(extract(epoch from p_now - min(next_attempt_at)), 0), 0)
    )
    from public.outbox
    where status = 'queued'
  );
end;
$$;
comment on function private.read_queue_gauges is 'Return the depth and the age of inbox and outbox.';

create function private.record_refused_call(p_action text, p_key text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into private.limit_refusals as refused (action, key)
  values (p_action, p_key)
  on conflict (action, key) do update set count = refused.count + 1;
end;
$$;
comment on function private.record_refused_call is 'Count a call that a rate limit refuses, for the metrics.';

create function private.take_measurements(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lags jsonb;
  v_refusals jsonb;
begin
  with oldest as (
    select id from private.close_lags
    order by id
    limit p_max_rows
    for update skip locked
  ), taken as (
    delete from private.close_lags as lag using oldest
    where lag.id = oldest.id
    returning lag.lag_s
  )
  select coalesce(jsonb_agg(lag_s), '[]') into v_lags from taken;

  with taken as (
    delete from private.limit_refusals
    where (action, key) in (
      select action, key from private.limit_refusals
      for update skip locked
    )
    returning action, count
  ), summed as (
    select action, sum(count) as count from taken group by action
  )
  select coalesce(jsonb_object_agg(action, count), '{}') into v_refusals from summed;
  return jsonb_build_object('close_lags_s', v_lags, 'limit_refusals', v_refusals);
end;
$$;
comment on function private.take_measurements is 'Remove and return measurements for the metrics; see the public wrapper.';
grant execute on function private.take_measurements to service_role;

create function private.database_is_ready()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return jsonb_build_object('ready', true, 'server_time', v_now);
end;
$$;
comment on function private.database_is_ready is 'Return ready. An answer proves that the database is reachable and has our schema.';
grant execute on function private.database_is_ready to service_role;

create function private.scheduled_jobs()
returns table (job text, schedule text, command text)
language sql
immutable
set search_path = ''
as $$
  values
  ('activate_due_auctions', '10 seconds', 'select private.activate_due_auctions(1000)'),
  ('end_expired_auctions', '10 seconds', 'select private.close_as_scheduled_job(1000)'),
  ('expire_unpaid_orders', '* * * * *', 'select private.expire_unpaid_orders(1000)'),
  ('settle_due_orders', '* * * * *', 'select private.settle_due_orders(1000)')
$$;
comment on function private.scheduled_jobs is 'Return the jobs that the database runs itself, so that auctions close and orders meet their deadlines even if every worker is down.';

create function private.schedule_jobs()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer := 0;
  v_job record;
begin
  -- pg_cron works in one database of a server, and only if the server preloads it.
  if
    not exists (select from pg_available_extensions where name = 'pg_cron')
    or current_setting('cron.database_name', true) is distinct from current_database()::text
  then
    return 0;
  end if;
  create extension if not exists pg_cron;
  for v_job in select * from private.scheduled_jobs() loop
    perform cron.schedule(v_job.job, v_job.schedule, v_job.command);
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.schedule_jobs is 'Let pg_cron run the scheduled jobs, where it exists. Return the number of jobs. A repeated call changes nothing.';

create function private.cron_status()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_jobs jsonb := '[]';
begin
  if to_regclass('cron.job') is not null then
    select coalesce(
      jsonb_agg(
        jsonb_build_object('name', jobname, 'schedule', schedule, 'is_active', active)
        order by jobname
      ),
      '[]'
    )
    into v_jobs
    from cron.job;
  end if;
  return jsonb_build_object('cron_jobs', v_jobs, 'job_runs', (
    select coalesce(jsonb_agg(to_jsonb(run) - 'id' order by run.id desc), '[]')
    from (select * from private.job_runs order by id desc limit 50) as run
  ));
end;
$$;
comment on function private.cron_status is 'Return the jobs of pg_cron and the last runs of the workers'' jobs; see the public wrapper.';
grant execute on function private.cron_status to service_role;

create function private.record_heartbeat()
returns jsonb
language plpgsql
security definer
set search_path = ''
-- The next heartbeat uses another slot. So do not wait long for a slot that another session holds.
set lock_timeout = '1s'
as $$
declare
  v_last_at timestamptz;
  v_now timestamptz;
  v_outage_s integer;
  v_subject text;
begin
  select max(beat_at) into v_last_at from private.heartbeats;
  v_subject := 'outage:' || v_last_at;
  v_now := private.clock();
  with recorded as (
    insert into private.outages as outage (started_at, ended_at)
    select lower(gap), upper(gap) from unnest(private.find_outages(v_last_at, v_now)) as gap
    -- After an outage several workers find the same one at once.
    on conflict (started_at) do nothing
    returning outage.started_at, outage.ended_at
  )
  select ceil(sum(extract(epoch from ended_at - started_at))) into v_outage_s from recorded;
  insert into private.heartbeats (slot, beat_at)
  values (floor(extract(epoch from v_now) / 5)::bigint % 12, v_now)
  on conflict (slot) do update set beat_at = excluded.beat_at;
  return jsonb_build_object(
    'outage_s', coalesce(v_outage_s, 0),
    'subject', v_subject,
    'alerts', private.raise_alerts(
      v_subject,
      case when v_outage_s > 0 then array['bidding_interrupted'] else '{}' end
    )
  );
end;
$$;
comment on function private.record_heartbeat is 'Record that a worker reaches the database, and record an outage that ends now; see the public wrapper.';
grant execute on function private.record_heartbeat to service_role;

create function private.find_outages(p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = ''
as $$
declare
  v_gap constant interval := private.setting('outage_gap_s')::integer * interval '1 second';
begin
  -- Before the first heartbeat there is no outage. Nearly all calls end here, so the bids need no
  -- index by time.
  if p_from is null or p_to - p_from < v_gap then
    return '{}';
  end if;
  return (
    with signs as (
      select p_from as sign_at
      union all
      select p_to
      union all
      -- An auction without a change since then has no bid since then.
      select b.placed_at
      from public.auctions as a
      join public.bids as b on b.auction_id = a.id
      where
        a.updated_at > p_from
        and (a.status = 'live' or a.finalized_at > p_from)
        and b.placed_at > p_from and b.placed_at < p_to
        and not b.is_proxy
    ), gaps as (
      select sign_at as started_at, lead(sign_at) over (order by sign_at) as ended_at from signs
    )
    select coalesce(range_agg(tstzrange(started_at, ended_at)), '{}')
    from gaps
    where ended_at - started_at >= v_gap
  );
end;
$$;
comment on function private.find_outages is 'Return the outages between two times that have no heartbeat between them. An outage is a time of at least outage_gap_s seconds without an accepted bid in any auction. A raise of a leader''s own maximum does not count, because it must have no effect that others see.';

create function private.known_outages(p_now timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = ''
as $$
declare
  v_last_at constant timestamptz := (select max(beat_at) from private.heartbeats);
begin
  return private.find_outages(v_last_at, p_now) + (
    select coalesce(range_agg(tstzrange(started_at, ended_at)), '{}') from private.outages
  );
end;
$$;
comment on function private.known_outages is 'Return the outages on record, and the one that goes on now.';

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
  v_most := greatest(
    private.purge_payloads(p_max_rows, v_now - 90 * interval '24 hours'),
    private.purge_originals(p_max_rows, v_now - 180 * interval '24 hours'),
    private.purge_receipts(p_max_rows, v_now - 30 * interval '24 hours'),
    private.purge_bid_receipts(p_max_rows, v_now - 30 * interval '24 hours'),
    private.purge_metrics(p_max_rows, v_now - 30 * interval '24 hours')
  );

  -- A subquery that locks rows may run again for each row of a nested loop, which deletes too many.
  -- A CTE runs once.
  with expired as (
    select ctid from private.rate_limits
    where window_start < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.rate_limits as hit using expired
  where hit.ctid = expired.ctid;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  with expired as (
    select id from private.job_runs
    where started_at < v_now - 30 * interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.job_runs as run using expired
  where run.id = expired.id;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  with expired as (
    select object_id from private.object_checks
    where checked_at < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.object_checks as last_check using expired
  where last_check.object_id = expired.object_id;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  with expired as (
    select started_at from private.outages
    where ended_at < v_now - 30 * interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.outages as outage using expired
  where outage.started_at = expired.started_at;
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

create function private.purge_metrics(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  with expired as (
    select id from public.metrics
    where recorded_at < p_before
    order by recorded_at
    limit p_max_rows
    for update skip locked
  )
  delete from public.metrics as metric using expired
  where metric.id = expired.id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.purge_metrics is 'Delete metrics that were recorded before a time. Return their number.';

create function private.reading_window(p_list text, p_span_s integer, p_delay_s integer)
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
comment on function private.reading_window is 'Return the part of one of Stripe''s lists that reconcile reads next; see the public wrapper.';
grant execute on function private.reading_window to service_role;

create function private.advance_reading(p_list text, p_until bigint)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.refuse_unless_valid(num_nulls(p_list, p_until) = 0);
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
  perform private.refuse_unless_valid(
    num_nulls(v_started_at, p_job) = 0 and p_processed >= 0 and p_failed >= 0
  );
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

-- Operations: RPCs.

create function public.database_is_ready()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.database_is_ready();
end;
$$;
comment on function public.database_is_ready is 'Return the state of the database for health checks. Answers ready, server_time.';
grant execute on function public.database_is_ready to service_role;

create function public.record_heartbeat()
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_heartbeat();
end;
$$;
comment on function public.record_heartbeat is 'Record that a worker reaches the database. Each worker calls it every five seconds. After a gap of outage_gap_s seconds without a heartbeat and without an accepted bid it records an outage. Answers outage_s, and alerts with their subject.';
grant execute on function public.record_heartbeat to service_role;

create function public.claim_alerts(max_rows integer, lease_s integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_alerts(claim_alerts.max_rows, claim_alerts.lease_s);
end;
$$;
comment on function public.claim_alerts is 'Lease at most max_rows alerts that no process has confirmed: an array of {subject, name}. Log each one, then call confirm_alerts. Any number of workers may call.';
grant execute on function public.claim_alerts to service_role;

create function public.confirm_alerts(subject text, names text[])
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.confirm_alerts(confirm_alerts.subject, confirm_alerts.names);
end;
$$;
comment on function public.confirm_alerts is 'Confirm that the caller has logged these alerts about an object. Answers how many were open; a repeated call answers 0.';
grant execute on function public.confirm_alerts to service_role;

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

create function public.reading_window(list text, span_s integer, delay_s integer)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.reading_window(
    reading_window.list, reading_window.span_s, reading_window.delay_s
  );
end;
$$;
comment on function public.reading_window is 'Return the part of one of Stripe''s lists that comes next: {now, since, until, is_newest}, in Unix seconds. until is at most span_s after the time that advance_reading has recorded, and delay_s before now. since is earlier, because a list may show an object late. is_newest is false if more parts follow.';
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
comment on function public.purge_old_rows is 'Delete at most max_rows of each kind of expired data, and return the largest number: payloads of settled events after 90 days (ids stay), originals of messages after 180 days unless staff still review them, rate limit windows and readings after a day, job runs, outages, metrics and receipts of calls with a client_request_id after 30 days, receipts of bids 30 days after the close of the auction. Once everything is done, calls within an hour answer 0.';
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
comment on function public.read_gauges is 'Return figures for metrics, by name: depth and age of inbox and outbox, overdue and postponed auctions, last_heartbeat_seconds, held messages, unpaid_overdue_orders, ledger_drift_orders, orders_unlike_stripe. The last two count the results of check_orders.';
grant execute on function public.read_gauges to service_role;

create function public.record_gauges()
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.record_gauges();
end;
$$;
comment on function public.record_gauges is 'Add the figures of read_gauges to the table metrics, as rows of one time. Return the number of rows. A call within five minutes of the last rows adds none and answers 0, whatever number of workers call.';
grant execute on function public.record_gauges to service_role;

create function public.take_measurements(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.take_measurements(take_measurements.max_rows);
end;
$$;
comment on function public.take_measurements is 'Remove and return what only the database has seen, for metrics: close_lags_s, the lags of at most max_rows auctions that pg_cron closed, and limit_refusals, a number for each action. Each one is returned once, whatever number of workers call; a lost answer loses its measurements.';
grant execute on function public.take_measurements to service_role;

create function public.record_balance_transactions(transactions jsonb)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.record_balance_transactions(record_balance_transactions.transactions);
end;
$$;
comment on function public.record_balance_transactions is 'Record movements of our balance at Stripe, each once by its id: an array of {id, source_id, kind, amount_cents, currency, payment_intent_id, transfer_id, order_ref, created}. created is in Unix seconds, and amount_cents is without Stripe''s fee. Return the number of new ones.';
grant execute on function public.record_balance_transactions to service_role;

create function public.check_orders(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.check_orders(check_orders.max_rows);
end;
$$;
comment on function public.check_orders is 'Check at most max_rows orders: {count, alerts [{order_id, alerts}]}. ledger_drifted: the rows and the ledger of the order disagree. order_unlike_stripe: its ledger differs from Stripe''s movements in two checks at least ten minutes apart, and it gets no transfer until they agree. Orders whose money has moved come first, and each order is checked about once an hour. Any number of workers may call.';
grant execute on function public.check_orders to service_role;

create function public.claim_differing_orders(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_differing_orders(claim_differing_orders.max_rows);
end;
$$;
comment on function public.claim_differing_orders is 'Return the ids of orders whose ledger differs from Stripe, for reading their transfers again. Each is returned at most every ten minutes, to one caller.';
grant execute on function public.claim_differing_orders to service_role;

create function public.cron_status()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.cron_status();
end;
$$;
comment on function public.cron_status is 'Answers cron_jobs [{name, schedule, is_active}], empty where the database has no pg_cron, and job_runs, the last 50 that workers recorded.';
grant execute on function public.cron_status to service_role;

create function public.staff_list_faults(max_rows integer default 50)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.staff_list_faults(staff_list_faults.max_rows);
end;
$$;
comment on function public.staff_list_faults is 'List what the last checks found, as staff: {success, orders [{order_id, has_drift, difference_cents, differs_since, is_blocked, checked_at}], outages [{started_at, ended_at}]}. has_drift: the rows and the ledger of the order disagree. difference_cents: Stripe''s movements of the order less its ledger. An outage is a time without a heartbeat of a worker and without a bid. The newest come first. Refusal: VALIDATION_ERROR. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_list_faults to authenticated;

-- Operations: grants and row level security.

alter table private.open_alerts enable row level security;
alter table private.job_runs enable row level security;
alter table private.reading_positions enable row level security;
alter table private.object_checks enable row level security;
alter table private.balance_transactions enable row level security;
alter table private.order_checks enable row level security;

alter table private.heartbeats enable row level security;

alter table private.outages enable row level security;

alter table private.close_lags enable row level security;
alter table private.limit_refusals enable row level security;

alter table public.metrics enable row level security;
grant select (
  id, metric_type, metric_name, value, metadata, recorded_at
) on public.metrics to authenticated;

create policy admins_read_the_metrics on public.metrics
for select to authenticated
-- The comparison bounds the index. A boolean would make a user's query read every row in vain.
using (recorded_at >= (select case when private.is_admin() then '-infinity'::timestamptz end));
comment on policy admins_read_the_metrics on public.metrics is 'Admins read the metrics, with a second factor where staff need one. Moderators and other users read no row.';

-- Operations: triggers.

-- If pg_cron works in this database, it closes auctions when no worker does.
select private.schedule_jobs();
