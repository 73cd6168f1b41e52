set lock_timeout = '2s';
set statement_timeout = '30s';

update private.app_settings
set value = '{"cancel_listing": {"max": 30, "window_s": 600}}' || value
where key = 'rate_limits';

create function private.purge_receipts(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  with expired as (
    select caller_id, client_request_id from private.request_receipts
    where created_at < p_before
    limit p_max_rows
    for update skip locked
  )
  delete from private.request_receipts as receipt using expired
  where
    receipt.caller_id = expired.caller_id
    and receipt.client_request_id = expired.client_request_id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.purge_receipts is 'Delete the receipts of calls that were made before a time. Return their number.';

create or replace function private.call_off(p_listing_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal jsonb;
  v_auction public.auctions;
  v_listing public.listings;
  v_now timestamptz;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings
  where id = p_listing_id and (seller_id = auth.uid() or private.is_staff());
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  v_refusal := coalesce(
    private.account_refusal(auth.uid()), private.use_rate_limit('cancel_listing')
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.status = 'cancelled' then
    return jsonb_build_object('success', true);
  elsif
    v_listing.status = 'ended' or v_auction.status = 'live' and v_auction.end_at <= v_now
  then
    return private.refusal('LISTING_OVER', 'This listing is over');
  elsif v_auction.high_bidder_id is not null then
    return private.refusal('LISTING_HAS_BIDS', 'A listing with bids cannot be cancelled');
  end if;
  update public.auctions
  set status = 'cancelled', finalized_at = v_now, version = version + 1, updated_at = v_now
  where id = v_auction.id;
  update public.listings set status = 'cancelled', updated_at = v_now where id = p_listing_id;
  if v_listing.seller_id <> auth.uid() then
    perform private.remove_photos(p_listing_id);
    perform private.write_audit(
      auth.uid(), 'listing_cancelled', 'listings', p_listing_id::text,
      'Staff cancelled a listing without bids',
      jsonb_build_object('seller_id', v_listing.seller_id)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;

create or replace function private.begin_message(p_function text, p_client_message_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_answer constant jsonb := private.begin_request(p_function, p_client_message_id, null);
  v_message public.messages;
begin
  if v_answer is not null then
    return v_answer;
  elsif p_client_message_id is null then
    return private.refusal('VALIDATION_ERROR', 'A message needs a client_message_id');
  end if;
  -- The message outlives its receipt.
  select * into v_message from public.messages
  where sender_id = auth.uid() and client_message_id = p_client_message_id;
  if v_message.id is not null then
    return private.finish_request(p_client_message_id, private.message_receipt(v_message));
  end if;
  return null;
end;
$$;

comment on function private.begin_message is 'Begin a call that sends a message, as begin_request does. The id is required, and a message with this id answers even if its receipt was purged.';

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
    private.purge_receipts(p_max_rows, v_now - 30 * interval '24 hours')
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

comment on function public.cancel_listing is 'Cancel a listing without bids, as its seller or staff. Answers success. Refusals: PROFILE_NOT_FOUND, LISTING_NOT_FOUND, USER_SUSPENDED, RATE_LIMITED, LISTING_OVER, LISTING_HAS_BIDS, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';

comment on function public.purge_old_rows is 'Delete at most max_rows of each kind of expired data, and return the largest number: payloads of settled events after 90 days (ids stay), originals of messages after 180 days unless staff still review them, rate limit windows and readings after a day, job runs, outages and receipts of calls with a client_request_id after 30 days. Once everything is done, calls within an hour answer 0.';
