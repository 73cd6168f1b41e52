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
