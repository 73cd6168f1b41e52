set lock_timeout = '2s';
set statement_timeout = '30s';

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
