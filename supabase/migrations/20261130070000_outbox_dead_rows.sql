set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.list_dead_outbox_rows(p_max_rows integer, p_after_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_after_at constant timestamptz := (
    select created_at from public.outbox where id = p_after_id
  );
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(page) order by page.created_at desc, page.id desc), '[]')
    from (
      -- A payload names people and their accounts at Stripe, so only its order is answered.
      select
        id, kind, payload ->> 'order_id' as order_id, stripe_object_id, attempts, answered_errors,
        last_error, created_at, updated_at
      from public.outbox
      where
        status = 'dead'
        and (p_after_id is null or (created_at, id) < (v_after_at, p_after_id))
      order by created_at desc, id desc
      limit p_max_rows
    ) as page
  );
end;
$$;
comment on function private.list_dead_outbox_rows is 'Return a page of the dead rows; see the public wrapper.';
grant execute on function private.list_dead_outbox_rows to service_role;

create function public.list_dead_outbox_rows(
  max_rows integer default 50, after_id uuid default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_dead_outbox_rows(
    list_dead_outbox_rows.max_rows, list_dead_outbox_rows.after_id
  );
end;
$$;
comment on function public.list_dead_outbox_rows is 'Return the dead rows, the newest first: an array of {id, kind, order_id, stripe_object_id, attempts, answered_errors, last_error, created_at, updated_at}. For the next page, send the id of the last row as after_id.';
grant execute on function public.list_dead_outbox_rows to service_role;

-- squawk-ignore require-concurrent-index-creation
create index outbox_dead_created_at_idx on public.outbox (created_at, id) where status = 'dead';
