set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.take_measurements(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lags jsonb;
  v_refusals jsonb;
begin
  with oldest as (
    select id from private.close_lags
    order by id
    limit p_max_rows
    for update skip locked
  ), taken as (
    delete from private.close_lags as lag using oldest
    where lag.id = oldest.id
    returning lag.lag_s
  )
  select coalesce(jsonb_agg(lag_s), '[]') into v_lags from taken;

  with taken as (
    delete from private.limit_refusals
    where (action, key) in (
      select action, key from private.limit_refusals
      for update skip locked
    )
    returning action, count
  ), summed as (
    select action, sum(count) as count from taken group by action
  )
  select coalesce(jsonb_object_agg(action, count), '{}') into v_refusals from summed;
  return jsonb_build_object('close_lags_s', v_lags, 'limit_refusals', v_refusals);
end;
$$;
