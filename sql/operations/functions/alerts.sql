create function private.raise_alerts(p_subject text, p_alerts text[])
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  if p_alerts = '{}' then
    return p_alerts;
  end if;
  v_now := private.clock();
  insert into private.open_alerts (subject, name, leased_until)
  -- The caller gets ten seconds to log and confirm the alert before a worker does.
  select p_subject, alert, v_now + interval '10 seconds' from unnest(p_alerts) as alert
  on conflict (subject, name) do nothing;
  return p_alerts;
end;
$$;
comment on function private.raise_alerts is 'Keep alerts until a process confirms that it has logged them; return them for the answer to the caller.';

create function private.unconfirmed_alerts(p_subject text)
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return array(
    select name from private.open_alerts where subject = p_subject order by created_at, name
  );
end;
$$;
comment on function private.unconfirmed_alerts is 'Return the unconfirmed alerts about an object. An effect RPC that is repeated answers them again, because its first answer may have been lost.';

create function private.confirm_alerts(p_subject text, p_names text[])
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from private.open_alerts where subject = p_subject and name = any(p_names);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.confirm_alerts is 'Remove alerts that the caller has logged; see the public wrapper.';
grant execute on function private.confirm_alerts to service_role;

create function private.claim_alerts(p_max_rows integer, p_lease_s integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_rows jsonb;
begin
  with due as (
    select subject, name from private.open_alerts
    where leased_until <= v_now
    order by leased_until
    limit p_max_rows
    for update skip locked
  ), claimed as (
    update private.open_alerts as alert
    set leased_until = v_now + make_interval(secs => p_lease_s)
    from due
    where alert.subject = due.subject and alert.name = due.name
    returning alert.*
  )
  select coalesce(
    jsonb_agg(jsonb_build_object('subject', subject, 'name', name) order by created_at, name),
    '[]'
  )
  into v_rows
  from claimed;
  return v_rows;
end;
$$;
comment on function private.claim_alerts is 'Lease unconfirmed alerts to a worker; see the public wrapper.';
grant execute on function private.claim_alerts to service_role;
