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
