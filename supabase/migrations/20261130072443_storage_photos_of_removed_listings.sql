set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.purge_photos(p_max_listings integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer := 0;
  v_listing_id uuid;
begin
  for v_listing_id in
    select listing.id
    from public.listings as listing
    join public.auctions as auction on auction.listing_id = listing.id
    where
      listing.status = 'cancelled'
      and exists (select from public.listing_photos where listing_id = listing.id)
      and not exists (
        select from public.content_reports
        where listing_id = listing.id and status = 'open'
      )
      -- Staff cancel a listing without bids as its seller does; the entry of the audit log tells
      -- them apart. Any other decision of theirs notifies the seller.
      and (
        exists (
          select from public.audit_logs
          where
            entity = 'listings' and entity_id = listing.id::text and action = 'listing_cancelled'
        )
        or exists (
          select from public.notifications
          where
            dedupe_key = 'auction_cancelled:' || auction.id || ':' || listing.seller_id
        )
      )
    order by listing.id
    limit p_max_listings
    for no key update of listing skip locked
  loop
    perform private.remove_photos(v_listing_id);
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.purge_photos is 'Remove the photos of listings that staff removed in a release that kept them, unless an open report is about them. Return the number of listings.';

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
    private.purge_photos(p_max_rows)
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

create or replace function public.purge_old_rows(max_rows integer default 1000)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.purge_old_rows(purge_old_rows.max_rows);
end;
$$;
comment on function public.purge_old_rows is 'Delete at most max_rows of each kind of expired data, and return the largest number: payloads of settled events after 90 days (ids stay), originals of messages after 180 days unless staff still review them, rate limit windows and readings after a day, job runs, outages and receipts of calls with a client_request_id after 30 days. It also removes the photos of listings that staff removed before releases did so at once. Once everything is done, calls within an hour answer 0.';
