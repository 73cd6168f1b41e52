set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.claim_account_deletions(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids jsonb := '[]';
  v_deletion private.account_deletions;
begin
  for v_deletion in
    with due as (
      select user_id from private.account_deletions
      -- The service finishes most deletions itself, right after it has requested them.
      where checked_at <= v_now - interval '1 minute'
      order by checked_at
      limit p_max_rows
      for update skip locked
    )
    update private.account_deletions as deletion set checked_at = v_now
    from due
    where deletion.user_id = due.user_id
    returning deletion.*
  loop
    v_ids := v_ids || to_jsonb(v_deletion.user_id);
    if v_deletion.requested_at <= v_now - interval '1 hour' then
      perform private.raise_alerts(
        v_deletion.user_id::text, p_alerts => '{account_deletion_stuck}'
      );
    end if;
  end loop;
  return v_ids;
end;
$$;

create or replace function private.claim_stale_verifications(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids jsonb := '[]';
  v_session private.kyc_sessions;
begin
  for v_session in
    with stale as (
      select id from private.kyc_sessions
      where (status in ('requires_input', 'processing') or redaction in ('requested', 'processing'))
        and private.verification_check_at(kyc_sessions) <= v_now
      order by checked_at nulls first
      limit p_max_rows
      for update skip locked
    )
    update private.kyc_sessions as session set checked_at = v_now
    from stale
    where session.id = stale.id
    returning session.*
  loop
    v_ids := v_ids || to_jsonb(v_session.stripe_session_id);
    -- Stripe takes up to four days for a redaction.
    if v_session.redaction_requested_at <= v_now - interval '120 hours' then
      perform private.raise_alerts(
        v_session.stripe_session_id, p_alerts => '{identity_redaction_overdue}'
      );
    end if;
  end loop;
  return v_ids;
end;
$$;

create or replace function private.purge_originals(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  with expired as (
    select message_id
    from private.message_originals
    where created_at < p_before and not private.is_under_review(message_id)
    order by created_at
    limit p_max_rows
    for update skip locked
  )
  delete from private.message_originals as sealed using expired
  where sealed.message_id = expired.message_id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

create or replace function private.purge_old_rows(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
  v_most integer;
begin
  -- Some of these scans have no index, because rows expire slowly. So once an hour is enough.
  if exists (
    select from private.reading_positions
    where list = 'expired_rows' and reached_at > v_now - interval '1 hour'
  ) then
    return 0;
  end if;
  v_most := greatest(
    private.purge_payloads(p_max_rows, v_now - 90 * interval '24 hours'),
    private.purge_originals(p_max_rows, v_now - 180 * interval '24 hours')
  );

  -- A subquery that locks rows may run again for each row of a nested loop, which deletes too many.
  -- A CTE runs once.
  with expired as (
    select ctid from private.rate_limits
    where window_start < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.rate_limits as hit using expired
  where hit.ctid = expired.ctid;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  with expired as (
    select id from private.job_runs
    where started_at < v_now - 30 * interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.job_runs as run using expired
  where run.id = expired.id;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  with expired as (
    select object_id from private.object_checks
    where checked_at < v_now - interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.object_checks as last_check using expired
  where last_check.object_id = expired.object_id;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);

  with expired as (
    select started_at from private.outages
    where ended_at < v_now - 30 * interval '24 hours'
    limit p_max_rows
    for update skip locked
  )
  delete from private.outages as outage using expired
  where outage.started_at = expired.started_at;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);
  if v_most < p_max_rows then
    perform private.advance_reading('expired_rows', floor(extract(epoch from v_now))::bigint);
  end if;
  return v_most;
end;
$$;
