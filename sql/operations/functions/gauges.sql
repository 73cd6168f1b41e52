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
