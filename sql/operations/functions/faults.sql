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
