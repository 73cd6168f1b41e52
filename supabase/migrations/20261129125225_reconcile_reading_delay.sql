set lock_timeout = '2s';
set statement_timeout = '30s';

-- squawk-ignore ban-drop-function
drop function private.reading_window;

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

-- squawk-ignore ban-drop-function
drop function public.reading_window;

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
