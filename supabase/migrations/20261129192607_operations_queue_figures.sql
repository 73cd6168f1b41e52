set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.end_expired_auctions(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_auction_id uuid;
  v_answer jsonb;
  v_failed integer := 0;
  v_results jsonb[] := '{}';
  v_now timestamptz;
begin
  v_now := private.clock();
  for v_auction_id in
    select a.id from public.auctions as a
    where a.status = 'live' and a.end_at <= v_now and not exists (
      select from private.finalize_failures as f
      where f.auction_id = a.id and f.retry_at > v_now
    )
    order by a.end_at
    limit p_max_rows
    for no key update of a skip locked
  loop
    -- Each auction has its own block, so that a failure undoes this auction alone. A constraint
    -- deferred to the commit would undo all of them, so check it here.
    begin
      v_answer := private.end_auction(v_auction_id, false);
      set constraints all immediate;
      set constraints all deferred;
      v_results := v_results || (jsonb_build_object('auction_id', v_auction_id) || v_answer);
    exception when others then
      v_failed := v_failed + 1;
      perform private.put_off(v_auction_id, sqlerrm);
    end;
  end loop;
  return jsonb_build_object(
    'success', true,
    'auctions_processed', cardinality(v_results),
    'failed', v_failed,
    'results', to_jsonb(v_results),
    'lags_s', private.close_lags(v_results)
  );
end;
$$;

create function private.close_lags(p_results jsonb[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  v_now := private.clock();
  return coalesce(
    (
      select jsonb_agg(extract(epoch from v_now - a.end_at) order by a.end_at)
      from unnest(p_results) as r
      join public.auctions as a on a.id = (r ->> 'auction_id')::uuid
      where a.status in ('finalized', 'no_sale')
    ),
    '[]'
  );
end;
$$;

comment on function private.close_lags is 'Return the seconds from the end of each auction that a batch has closed to now, which is just before the commit.';

create or replace function private.read_gauges()
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

comment on function public.end_expired_auctions is 'Close the auctions whose end has come. Answers success, auctions_processed, failed, results, lags_s (seconds from each end to the commit). A later call tries the failed ones again.';

comment on function public.read_gauges is 'Return figures for metrics, by name: depth and age of inbox and outbox, overdue and postponed auctions, held messages, unpaid_overdue_orders, ledger_drift_orders, orders_unlike_stripe. The last two count the results of check_orders.';
