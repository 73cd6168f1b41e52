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
