create function private.open_auction(
  p_listing public.listings, p_has_no_reserve boolean, p_now timestamptz
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_auction_id uuid;
begin
  insert into public.auctions (
    listing_id, status, start_at, end_at, scheduled_end_at, current_price_cents,
    min_next_bid_cents, reserve_met, created_at, updated_at
  )
  values (
    p_listing.id, p_listing.status::text::public.auction_status, p_listing.start_at,
    p_listing.end_at, p_listing.end_at, p_listing.start_cents, p_listing.start_cents,
    p_has_no_reserve, p_now, p_now
  )
  returning id into v_auction_id;
  if p_listing.status = 'live' then
    perform private.start_bid_log(v_auction_id, p_now);
  end if;
  return v_auction_id;
end;
$$;
comment on function private.open_auction is 'Create the auction of a new listing and return its id.';

create function private.activate_due_auctions(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_auction_id uuid;
  v_count integer := 0;
  v_now timestamptz;
begin
  v_now := private.clock();
  for v_auction_id in
    select a.id from public.auctions as a
    where a.status = 'scheduled' and a.start_at <= v_now and not exists (
      select from private.finalize_failures as f
      where f.auction_id = a.id and f.retry_at > v_now
    )
    order by a.start_at
    limit p_max_rows
    for no key update of a skip locked
  loop
    -- Each auction has its own block, so that a failure undoes this auction alone. A constraint
    -- deferred to the commit would undo all of them, so check it here.
    begin
      perform private.activate(v_auction_id);
      set constraints all immediate;
      set constraints all deferred;
      v_count := v_count + 1;
    exception when others then
      perform private.put_off(v_auction_id, sqlerrm);
    end;
  end loop;
  return v_count;
end;
$$;
comment on function private.activate_due_auctions is 'Make the scheduled auctions live whose start has passed, and return their number. Any number of callers may run at once.';
grant execute on function private.activate_due_auctions to service_role;

create function private.activate(p_auction_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_grace constant interval := private.setting('activation_grace_s')::integer
    * interval '1 second';
  v_auction public.auctions;
  v_delay interval;
  v_now timestamptz;
begin
  select * into v_auction from public.auctions where id = p_auction_id for no key update;
  v_now := private.clock();
  -- Compute the delay in seconds, because an interval with days depends on the session's time zone.
  v_delay := extract(epoch from v_now - v_auction.start_at) * interval '1 second';
  if v_delay <= v_grace then
    v_delay := '0';
  end if;
  update public.auctions
  set
    status = 'live',
    end_at = end_at + v_delay,
    scheduled_end_at = scheduled_end_at + v_delay,
    version = version + 1,
    updated_at = v_now
  where id = p_auction_id;
  update public.listings
  set status = 'live', end_at = v_auction.end_at + v_delay, updated_at = v_now
  where id = v_auction.listing_id;
  perform private.start_bid_log(p_auction_id, v_now);
  delete from private.finalize_failures where auction_id = p_auction_id;
end;
$$;
comment on function private.activate is 'Make one auction live. The caller has locked it. A late start moves the end by the same time, so the bidders lose none.';

create function private.put_off(p_auction_id uuid, p_error text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  v_now := private.clock();
  insert into private.finalize_failures as failure (auction_id, attempts, retry_at, error)
  values (p_auction_id, 1, v_now + interval '5 seconds', left(p_error, 1000))
  on conflict (auction_id) do update
  set
    attempts = failure.attempts + 1,
    retry_at = v_now + least(5 * 2 ^ least(failure.attempts, 20), 3600) * interval '1 second',
    error = excluded.error,
    updated_at = v_now;
end;
$$;
comment on function private.put_off is 'Postpone the next try of an auction that failed. The delay doubles with each failure, up to an hour.';
