create function private.retry_delay(p_tries_before integer)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_tries_before + 1 >= private.setting('queue_max_attempts')::integer then
    return null;
  end if;
  return private.back_off(p_tries_before);
end;
$$;
comment on function private.retry_delay is 'Return the pause after one more failed try, or null when no try is left.';

create function private.back_off(p_tries_before integer)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return make_interval(secs => least(
    private.setting('queue_retry_cap_s')::double precision,
    -- The power stays small, because the number of tries has no limit.
    private.setting('queue_retry_base_s')::double precision * 2 ^ least(p_tries_before, 30)
  ));
end;
$$;
comment on function private.back_off is 'Return the pause after one more failed try: it doubles each time, up to the cap.';

create function private.waiting_delay(p_waited interval)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_waited >= private.setting_days('predecessor_wait_days') then
    return null;
  end if;
  -- Waiting spends no try, so the pause cannot follow from the tries. It is as long as the wait so
  -- far, between the base and the cap.
  return greatest(
    make_interval(secs => private.setting('queue_retry_base_s')::double precision),
    least(make_interval(secs => private.setting('queue_retry_cap_s')::double precision), p_waited)
  );
end;
$$;
comment on function private.waiting_delay is 'Return the pause of an event that waits for another one, or null if it has waited for predecessor_wait_days. The other event usually ends the wait earlier.';

create function private.stale_answer(p_subject text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_alerts constant text[] := private.unconfirmed_alerts(p_subject);
begin
  -- The caller may have closed the row itself, and may not have received the answer.
  return jsonb_build_object('stale', true)
    || case
      when v_alerts = '{}' then '{}'::jsonb else jsonb_build_object('alerts', to_jsonb(v_alerts))
    end;
end;
$$;
comment on function private.stale_answer is 'Return the answer to a call whose lease has ended: {stale: true}, and the alerts of the row that no process has confirmed.';

create function private.refuse_unless_staff()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if coalesce(auth.role(), '') <> 'service_role' and not private.is_staff() then
    raise sqlstate 'PT403' using message = 'FORBIDDEN';
  end if;
end;
$$;
comment on function private.refuse_unless_staff is 'Raise FORBIDDEN unless the caller is staff or one of our own processes.';
