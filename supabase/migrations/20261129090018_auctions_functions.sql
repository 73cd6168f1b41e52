set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.broadcast_time_remaining(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_auction public.auctions;
  v_count integer := 0;
begin
  v_now := private.clock();
  for v_auction in
    with claimed as (
      -- The second of two concurrent callers waits for the row, and then finds the mark claimed.
      insert into private.auction_broadcasts as sent (auction_id, version, mark_s)
      select due.auction_id, due.version, due.mark_s
      from private.due_broadcasts(p_max_rows, v_now) as due
      on conflict (auction_id) do update
      set version = excluded.version, mark_s = excluded.mark_s, updated_at = v_now
      where (excluded.version, -coalesce(excluded.mark_s, 2147483647))
        > (sent.version, -coalesce(sent.mark_s, 2147483647))
      returning sent.auction_id
    )
    select a.* from public.auctions as a where a.id in (select auction_id from claimed)
  loop
    perform realtime.send(
      private.time_remaining(v_auction, v_now), 'time_remaining', 'auction:' || v_auction.id, true
    );
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.broadcast_time_remaining is 'Broadcast the time remaining of auctions that changed or passed a mark. Return the number of broadcasts. Concurrent callers send each broadcast once.';
grant execute on function private.broadcast_time_remaining to service_role;

create function private.due_broadcasts(p_max_rows integer, p_now timestamptz)
returns table (auction_id uuid, version integer, mark_s integer)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_marks_s constant jsonb := private.setting('broadcast_marks_s');
begin
  return query
  with watched as (
    select a.id, a.version, a.status, a.end_at from public.auctions as a
    where a.status in ('scheduled', 'live')
    union all
    -- Clients need no broadcast about an auction that ended more than an hour ago.
    select a.id, a.version, a.status, a.end_at from public.auctions as a
    where a.finalized_at > p_now - interval '1 hour'
  )
  select watched.id, watched.version, passed.mark_s
  from watched
  left join private.auction_broadcasts as sent on sent.auction_id = watched.id
  left join lateral (
    select min(mark::integer) as mark_s from jsonb_array_elements(v_marks_s) as mark
    where
      watched.status = 'live'
      and watched.end_at <= p_now + mark::integer * interval '1 second'
  ) as passed on true
  where
    sent.version is distinct from watched.version
    or passed.mark_s < coalesce(sent.mark_s, passed.mark_s + 1)
  order by watched.id
  limit p_max_rows;
end;
$$;
comment on function private.due_broadcasts is 'Return the auctions whose version or passed mark was not broadcast yet. They are in the order of their ids, so concurrent callers cannot deadlock.';

create function private.end_expired_auctions(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_auction_id uuid;
  v_answer jsonb;
  v_failed integer := 0;
  v_results jsonb[] := '{}';
  v_now timestamptz;
begin
  v_now := private.clock();
  for v_auction_id in
    select a.id from public.auctions as a
    where a.status = 'live' and a.end_at <= v_now and not exists (
      select from private.finalize_failures as f
      where f.auction_id = a.id and f.retry_at > v_now
    )
    order by a.end_at
    limit p_max_rows
    for no key update of a skip locked
  loop
    -- Each auction has its own block, so that a failure undoes this auction alone. A constraint
    -- deferred to the commit would undo all of them, so check it here.
    begin
      v_answer := private.end_auction(v_auction_id, false);
      set constraints all immediate;
      set constraints all deferred;
      v_results := v_results || (jsonb_build_object('auction_id', v_auction_id) || v_answer);
    exception when others then
      v_failed := v_failed + 1;
      perform private.put_off(v_auction_id, sqlerrm);
    end;
  end loop;
  return jsonb_build_object(
    'success', true,
    'auctions_processed', cardinality(v_results),
    'failed', v_failed,
    'results', to_jsonb(v_results)
  );
end;
$$;
comment on function private.end_expired_auctions is 'Close the auctions whose end has passed. An auction that fails is postponed. Any number of callers may run at once: each skips the auctions that another has locked.';
grant execute on function private.end_expired_auctions to service_role;

create function private.end_auction(p_auction_id uuid, p_force boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_now timestamptz;
begin
  select * into v_auction from public.auctions where id = p_auction_id for no key update;
  -- Read the clock after the lock: the bid that held it may have moved the end.
  v_now := private.clock();
  if v_auction.id is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  elsif v_auction.status in ('finalized', 'no_sale') then
    return private.closing_answer(v_auction) || jsonb_build_object('already_processed', true);
  elsif v_auction.status <> 'live' then
    return private.refusal('AUCTION_NOT_LIVE', 'Auction is not live');
  elsif v_auction.end_at > v_now and not coalesce(p_force, false) then
    return private.refusal('AUCTION_NOT_OVER', 'Auction is not over yet')
      || jsonb_build_object('ends_at', v_auction.end_at);
  end if;
  return private.close_auction(v_auction, v_now);
end;
$$;
comment on function private.end_auction is 'Close one auction if its end has passed, or at once when forced. A repeated call returns the first answer.';
grant execute on function private.end_auction to service_role;

create function private.close_auction(p_auction public.auctions, p_now timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
begin
  select * into v_listing from public.listings where id = p_auction.listing_id;
  if private.is_suspended(v_listing.seller_id) then
    perform private.cancel_auction(p_auction.id, p_now);
    return jsonb_build_object(
      'success', true, 'status', 'cancelled', 'message', 'The seller is suspended'
    );
  end if;
  perform private.withdraw_suspended_bids(p_auction.id);
  update public.auctions
  set
    status = case
      when high_bidder_id is not null and reserve_met
        then 'finalized'::public.auction_status
      else 'no_sale'
    end,
    finalized_at = p_now,
    version = version + 1,
    updated_at = p_now
  where id = p_auction.id
  returning * into v_auction;
  update public.listings set status = 'ended', updated_at = p_now where id = v_listing.id;
  if v_auction.status = 'finalized' then
    perform private.open_order(v_auction, p_now);
  else
    perform private.notify(
      v_listing.seller_id,
      'auction_no_sale',
      'Your auction ended without a sale',
      left(v_listing.title, 100) || ' was not sold. You can list it again.',
      jsonb_build_object('auction_id', v_auction.id, 'listing_id', v_listing.id),
      'auction_no_sale:' || v_auction.id
    );
  end if;
  delete from private.finalize_failures where auction_id = v_auction.id;
  return private.closing_answer(v_auction);
end;
$$;
comment on function private.close_auction is 'Close an auction that is locked and due. It is sold, with an order, if a bidder leads and the reserve is met. A suspended seller''s auction is cancelled; bids of suspended users are withdrawn first.';

create function private.withdraw_suspended_bids(p_auction_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_bidder_ids constant uuid[] := array(
    select p.bidder_id from private.proxy_bids as p
    join public.users as u on u.id = p.bidder_id
    where
      p.auction_id = p_auction_id and (u.suspended_at is not null or u.deleted_at is not null)
  );
begin
  if v_bidder_ids <> '{}' then
    perform private.withdraw_bids(p_auction_id, v_bidder_ids, null, 'The bidder is suspended');
  end if;
end;
$$;
comment on function private.withdraw_suspended_bids is 'Withdraw the bids of suspended and deleted users, who cannot pay.';

create function private.cancel_auction(p_auction_id uuid, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_listing public.listings;
begin
  update public.auctions
  set status = 'cancelled', finalized_at = p_now, version = version + 1, updated_at = p_now
  where id = p_auction_id;
  update public.listings set status = 'cancelled', updated_at = p_now
  where id = (select a.listing_id from public.auctions as a where a.id = p_auction_id)
  returning * into v_listing;
  perform private.notify(
    person.id,
    'auction_cancelled',
    'The auction was cancelled',
    v_listing.title || ' is no longer for sale.',
    jsonb_build_object('auction_id', p_auction_id, 'listing_id', v_listing.id),
    'auction_cancelled:' || p_auction_id || ':' || person.id
  )
  from (
    select v_listing.seller_id as id
    union
    select bidder_id from private.proxy_bids where auction_id = p_auction_id
  ) as person;
  delete from private.finalize_failures where auction_id = p_auction_id;
end;
$$;
comment on function private.cancel_auction is 'Cancel an auction that is locked, and its listing; notify the seller and the bidders.';

create function private.closing_answer(p_auction public.auctions)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_order public.orders;
begin
  if p_auction.status = 'no_sale' then
    return jsonb_build_object(
      'success', true,
      'status', 'no_sale',
      'message', case when p_auction.bid_count = 0 then 'No bids' else 'Reserve not met' end
    );
  end if;
  select * into v_order from public.orders where auction_id = p_auction.id;
  return jsonb_build_object(
    'success', true,
    'status', 'finalized',
    'order_id', v_order.id,
    'winning_bid_amount', v_order.amount_cents,
    'buyer_id', v_order.buyer_id,
    'seller_id', v_order.seller_id,
    'platform_fee_cents', v_order.platform_fee_cents,
    'seller_amount_cents', v_order.seller_amount_cents
  );
end;
$$;
comment on function private.closing_answer is 'Return the outcome of a closed auction. It is the same at each call.';

create function private.check_high_bid()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not exists (
    select from public.bids
    where
      id = new.high_bid_id
      and auction_id = new.id
      and bidder_id = new.high_bidder_id
      and amount_cents = new.current_price_cents
      and accepted
  ) then
    raise foreign_key_violation using
      message = 'The high bid is none of the leader''s in this auction at this price',
      constraint = 'auctions_high_bid_is_the_leaders';
  end if;
  return new;
end;
$$;
comment on function private.check_high_bid is 'Trigger: check that high_bid_id names an accepted bid of the leader in this auction at the price. A foreign key would make embeds ambiguous.';

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

create function private.get_time_remaining(p_auction_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_auction public.auctions;
begin
  select * into v_auction from public.auctions where id = p_auction_id;
  if v_auction.id is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  end if;
  return private.time_remaining(v_auction, v_now);
end;
$$;
comment on function private.get_time_remaining is 'Return the time remaining of an auction, by the database''s clock.';
grant execute on function private.get_time_remaining to anon, authenticated;

create function private.get_auction_state(p_auction_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_auction public.auctions;
begin
  select * into v_auction from public.auctions where id = p_auction_id;
  if v_auction.id is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  end if;
  return private.time_remaining(v_auction, v_now) || jsonb_build_object(
    'current_price_cents', v_auction.current_price_cents,
    'bid_count', v_auction.bid_count,
    'high_bidder_id', v_auction.high_bidder_id,
    'min_next_bid_cents', v_auction.min_next_bid_cents,
    'reserve_met', v_auction.reserve_met
  );
end;
$$;
comment on function private.get_auction_state is 'Return the live values of an auction, so that a client can catch up after it lost its connection.';
grant execute on function private.get_auction_state to anon, authenticated;

create function private.time_remaining(p_auction public.auctions, p_now timestamptz)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'auction_id', p_auction.id,
    'status', p_auction.status,
    'end_at', p_auction.end_at,
    'server_time', p_now,
    'time_remaining', case
      when p_auction.status in ('scheduled', 'live')
        then greatest(0, round(extract(epoch from p_auction.end_at - p_now), 3))
      else 0
    end,
    'version', p_auction.version
  );
end;
$$;
comment on function private.time_remaining is 'Return the time remaining in the form that get_time_remaining and the broadcasts share.';

create function private.next_auction_deadline()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_next_at timestamptz;
  v_next_mark_at timestamptz;
begin
  -- A postponed auction is due at its retry time, not at its original end.
  select min(due.due_at) into v_next_at
  from (
    (
      select a.start_at as due_at from public.auctions as a
      where a.status = 'scheduled' and not exists (
        select from private.finalize_failures as f
        where f.auction_id = a.id and f.retry_at > v_now
      )
      order by a.start_at limit 1
    )
    union all
    (
      select a.end_at from public.auctions as a
      where a.status = 'live' and not exists (
        select from private.finalize_failures as f
        where f.auction_id = a.id and f.retry_at > v_now
      )
      order by a.end_at limit 1
    )
    union all
    select min(retry_at) from private.finalize_failures where retry_at > v_now
  ) as due;

  select min(ahead.mark_at) into v_next_mark_at
  from jsonb_array_elements(private.setting('broadcast_marks_s')) as mark,
    lateral (
      select min(a.end_at) - mark::integer * interval '1 second' as mark_at
      from public.auctions as a
      where a.status = 'live' and a.end_at > v_now + mark::integer * interval '1 second'
    ) as ahead;
  return jsonb_build_object(
    'next_at', v_next_at, 'next_mark_at', v_next_mark_at, 'server_time', v_now
  );
end;
$$;
comment on function private.next_auction_deadline is 'Return the next deadlines of the workers, by the database''s clock.';
grant execute on function private.next_auction_deadline to service_role;

create function public.broadcast_time_remaining(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.broadcast_time_remaining(broadcast_time_remaining.max_rows);
end;
$$;
comment on function public.broadcast_time_remaining is 'Broadcast the time remaining of each auction that changed or passed a mark. Answers the number of broadcasts.';
grant execute on function public.broadcast_time_remaining to service_role;

create function public.end_expired_auctions(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.end_expired_auctions(end_expired_auctions.max_rows);
end;
$$;
comment on function public.end_expired_auctions is 'Close the auctions whose end has come. Answers success, auctions_processed, failed, results. A later call tries the failed ones again.';
grant execute on function public.end_expired_auctions to service_role;

create function public.end_auction(auction_id uuid, force boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.end_auction(end_auction.auction_id, end_auction.force);
end;
$$;
comment on function public.end_auction is 'Close an auction: finalized with an order, or no_sale. A repeat is marked already_processed. Refusals: AUCTION_NOT_FOUND, AUCTION_NOT_LIVE, AUCTION_NOT_OVER (with ends_at).';
grant execute on function public.end_auction to service_role;

create function public.activate_due_auctions(max_rows integer default 100)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.activate_due_auctions(activate_due_auctions.max_rows);
end;
$$;
comment on function public.activate_due_auctions is 'Make scheduled auctions live once their start has come. Answers the number of them. A later call tries the failed ones again.';
grant execute on function public.activate_due_auctions to service_role;

create function public.get_time_remaining(auction_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  -- This reads with the caller's rights, so an auction that row security hides becomes null.
  return private.get_time_remaining(
    (select a.id from public.auctions as a where a.id = get_time_remaining.auction_id)
  );
end;
$$;
comment on function public.get_time_remaining is 'Answers auction_id, status, end_at, server_time, time_remaining in seconds, version. Refusal: AUCTION_NOT_FOUND, also for an auction that the caller may not read: only its seller and staff read a cancelled one.';
grant execute on function public.get_time_remaining to anon, authenticated;

create function public.get_auction_state(auction_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  -- This reads with the caller's rights, so an auction that row security hides becomes null.
  return private.get_auction_state(
    (select a.id from public.auctions as a where a.id = get_auction_state.auction_id)
  );
end;
$$;
comment on function public.get_auction_state is 'Answers the values of get_time_remaining, and current_price_cents, bid_count, high_bidder_id, min_next_bid_cents, reserve_met. Refusal: AUCTION_NOT_FOUND, also for an auction that the caller may not read: only its seller and staff read a cancelled one.';
grant execute on function public.get_auction_state to anon, authenticated;

create function public.next_auction_deadline()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.next_auction_deadline();
end;
$$;
comment on function public.next_auction_deadline is 'Answers next_at, the next start or end of an auction; next_mark_at, the next mark before an end; server_time.';
grant execute on function public.next_auction_deadline to service_role;

alter table public.auctions enable row level security;
-- Grant each column by name, here as in every table that clients read: a grant on the table would
-- open the system columns too. A lock sets xmax, so xmax would show a raise that changes no column.
-- Realtime sends a role only changes of tables that it may select, so service_role needs a grant:
-- without one the closer gets no wake-up, and nothing reports that.
grant select (
  id, listing_id, status, start_at, end_at, scheduled_end_at, current_price_cents,
  min_next_bid_cents, high_bid_id, high_bidder_id, bid_count, reserve_met, extension_count,
  increment_scheme, version, finalized_at, created_at, updated_at
) on public.auctions to anon, authenticated, service_role;

create policy everyone_reads_uncancelled_auctions on public.auctions
for select to anon, authenticated
using (status <> 'cancelled');
comment on policy everyone_reads_uncancelled_auctions on public.auctions is 'Scheduled, live and ended auctions are public. A cancelled auction is not.';

create policy sellers_and_staff_read_cancelled_auctions on public.auctions
for select to authenticated
using (
  (select private.is_staff())
  or exists (
    select from public.listings as l
    where l.id = auctions.listing_id and l.seller_id = (select auth.uid())
  )
);
comment on policy sellers_and_staff_read_cancelled_auctions on public.auctions is 'The seller and staff also read a cancelled auction, as they read its listing.';

alter table private.finalize_failures enable row level security;

alter table private.auction_broadcasts enable row level security;

create trigger auctions_check_high_bid
before update of high_bid_id, high_bidder_id, current_price_cents on public.auctions
for each row when (new.high_bid_id is not null) execute function private.check_high_bid();
