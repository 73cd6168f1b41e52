set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.purge_bid_receipts(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_reached constant timestamptz := coalesce(
    (select reached_at from private.reading_positions where list = 'expired_bid_receipts'),
    '-infinity'
  );
  v_last timestamptz;
  v_count integer;
begin
  -- A bid on a closed auction is refused, so a repeat without its receipt has no effect. Auctions
  -- before the position have no receipts any more, so no run looks at them again.
  with expired as (
    select receipt.bidder_id, receipt.client_bid_id, auction.finalized_at
    from public.auctions as auction
    join private.bid_receipts as receipt on auction.id = receipt.auction_id
    where auction.finalized_at >= v_reached and auction.finalized_at < p_before
    order by auction.finalized_at
    limit p_max_rows
  ), purged as (
    delete from private.bid_receipts as receipt using expired
    where
      receipt.bidder_id = expired.bidder_id and receipt.client_bid_id = expired.client_bid_id
  )
  select max(finalized_at), count(*) into v_last, v_count from expired;
  if v_last is not null then
    perform private.advance_reading(
      'expired_bid_receipts', floor(extract(epoch from v_last))::bigint
    );
  end if;
  return v_count;
end;
$$;
comment on function private.purge_bid_receipts is 'Delete the receipts of bids on auctions that were closed before a time. Return their number.';

comment on table private.bid_receipts is 'The answer to each accepted bid with a client_bid_id. A client that repeats the call gets it again and places no second bid. It is kept until 30 days after the close of the auction.';

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
    private.purge_originals(p_max_rows, v_now - 180 * interval '24 hours'),
    private.purge_receipts(p_max_rows, v_now - 30 * interval '24 hours'),
    private.purge_bid_receipts(p_max_rows, v_now - 30 * interval '24 hours'),
    private.purge_photos(p_max_rows),
    private.purge_metrics(p_max_rows, v_now - 30 * interval '24 hours')
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
comment on function private.purge_old_rows is 'Delete data that has expired; see the public wrapper.';
grant execute on function private.purge_old_rows to service_role;

create or replace function public.purge_old_rows(max_rows integer default 1000)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.purge_old_rows(purge_old_rows.max_rows);
end;
$$;
comment on function public.purge_old_rows is 'Delete at most max_rows of each kind of expired data, and return the largest number: payloads of settled events after 90 days (ids stay), originals of messages after 180 days unless staff still review them, rate limit windows and readings after a day, job runs, outages, metrics and receipts of calls with a client_request_id after 30 days, receipts of bids 30 days after the close of the auction. It also removes the photos of listings that staff removed before releases did so at once. Once everything is done, calls within an hour answer 0.';
grant execute on function public.purge_old_rows to service_role;
