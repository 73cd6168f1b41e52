-- This migration makes auctions work: their start and close, the countdown, and the time after
-- outages.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Auctions: functions.

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
  v_first_mark constant interval := (
    select max(mark::integer) from jsonb_array_elements(v_marks_s) as mark
  ) * interval '1 second';
begin
  return query
  with watched as (
    select a.id, a.version, a.status, a.end_at from public.auctions as a
    where a.status in ('scheduled', 'live')
    union all
    -- Clients need no broadcast about an auction that ended more than an hour ago.
    select a.id, a.version, a.status, a.end_at from public.auctions as a
    where a.finalized_at > p_now - interval '1 hour'
  ),
  -- Each change of any auction runs this query. Most auctions have neither changed nor passed a
  -- mark, so they must not cost the computation of their marks.
  candidates as (
    select watched.* from watched
    left join private.auction_broadcasts as sent on sent.auction_id = watched.id
    where sent.version is distinct from watched.version
    union
    select a.id, a.version, a.status, a.end_at from public.auctions as a
    where a.status = 'live' and a.end_at <= p_now + v_first_mark
  )
  select watched.id, watched.version, passed.mark_s
  from candidates as watched
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
  v_outages tstzmultirange;
  v_now timestamptz;
begin
  v_now := private.clock();
  v_outages := private.known_outages(v_now);
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
      v_answer := private.close_or_extend(v_auction_id, false, v_outages);
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
    'results', to_jsonb(v_results),
    'lags_s', private.seconds_past_end(v_results)
  );
end;
$$;
comment on function private.end_expired_auctions is 'Close the auctions whose end has passed. An auction that fails is postponed. An auction that lost bidding time to an outage gets it back instead, once. Any number of callers may run at once: each skips the auctions that another has locked.';
grant execute on function private.end_expired_auctions to service_role;

create function private.close_as_scheduled_job(p_max_rows integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_answer constant jsonb := private.end_expired_auctions(p_max_rows);
begin
  insert into private.close_lags (lag_s)
  select lag.s::numeric from jsonb_array_elements_text(v_answer -> 'lags_s') as lag (s);
  return v_answer;
end;
$$;
comment on function private.close_as_scheduled_job is 'Close the auctions whose end has passed, for pg_cron. No worker sees the answer, so keep the lags for the metrics.';

create function private.seconds_past_end(p_results jsonb[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  v_now := private.clock();
  return coalesce(
    (
      select jsonb_agg(extract(epoch from v_now - a.end_at) order by a.end_at)
      from unnest(p_results) as r
      join public.auctions as a on a.id = (r ->> 'auction_id')::uuid
      where a.status in ('finalized', 'no_sale')
    ),
    '[]'
  );
end;
$$;
comment on function private.seconds_past_end is 'Return the seconds that have passed since the end of each auction that a batch has closed. The commit follows at once.';

create function private.end_auction(p_auction_id uuid, p_force boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  v_now := private.clock();
  return private.close_or_extend(
    p_auction_id, coalesce(p_force, false), private.known_outages(v_now)
  );
end;
$$;
comment on function private.end_auction is 'Close one auction if its end has passed, or at once when forced. A repeated call returns the first answer.';
grant execute on function private.end_auction to service_role;

create function private.close_or_extend(
  p_auction_id uuid, p_force boolean, p_outages tstzmultirange
)
returns jsonb
language plpgsql
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
  elsif v_auction.end_at <= v_now and not p_force then
    v_auction := private.extend_after_outage(v_auction, p_outages, v_now);
  end if;
  if v_auction.end_at > v_now and not p_force then
    return private.refusal('AUCTION_NOT_OVER', 'Auction is not over yet')
      || jsonb_build_object('ends_at', v_auction.end_at);
  end if;
  return private.close_auction(v_auction, v_now);
end;
$$;
comment on function private.close_or_extend is 'Lock one auction. Close it if its end has passed, or at once when forced. An auction that lost bidding time to an outage is extended instead, unless the close is forced.';

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
  perform private.log_close(v_auction, p_now);
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

create function private.log_close(p_auction public.auctions, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.append_bid_log(
    p_auction.id,
    'close',
    jsonb_build_object(
      'outcome', p_auction.status,
      'winner', case when p_auction.status = 'finalized' then (
        select bidder_number from private.proxy_bids
        where auction_id = p_auction.id and bidder_id = p_auction.high_bidder_id
      ) end,
      'price_cents', p_auction.current_price_cents,
      'is_forced', p_auction.end_at > p_now
    ),
    p_now
  );
end;
$$;
comment on function private.log_close is 'Add the last row to the log of an auction: outcome, winner and price.';

create function private.withdraw_suspended_bids(p_auction_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_bidder_ids uuid[];
begin
  loop
    v_bidder_ids := array(
      select p.bidder_id from private.proxy_bids as p
      join public.auctions as a on a.id = p.auction_id
      join public.users as u on u.id = p.bidder_id
      where
        p.auction_id = p_auction_id
        and (
          u.suspended_at is not null
          -- A bidder may delete the account after a rival has taken the lead. If that lowered the
          -- price, two accounts could keep others away by a high price and buy at a low one.
          or u.deleted_at is not null and a.high_bidder_id = u.id
        )
    );
    -- The withdrawal of a leader may give the lead to another deleted user.
    exit when v_bidder_ids = '{}';
    perform private.withdraw_bids(p_auction_id, v_bidder_ids, null, 'The bidder is suspended');
  end loop;
end;
$$;
comment on function private.withdraw_suspended_bids is 'Withdraw the bids of suspended users, and those of a deleted user who leads: they cannot pay. The bids of a deleted user who was outbid stay.';

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
  -- Anyone who kept a link could still see the photos.
  perform private.remove_photos(v_listing.id);
end;
$$;
comment on function private.cancel_auction is 'Cancel an auction that is locked, and its listing, because of a decision of staff. Remove the photos, and notify the seller and the bidders.';

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

create function private.finalize_auctions(
  p_actor_id uuid, p_request_id uuid, p_reason text, p_auction_id uuid, p_force boolean
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_action constant text := case when p_force then 'auction_forced' else 'auctions_finalized' end;
  v_answer jsonb;
  v_auction public.auctions;
begin
  -- The caller may repeat a call whose answer was lost. The audit entry with its id then answers.
  perform pg_advisory_xact_lock(hashtextextended(p_request_id::text, 0));
  v_answer := coalesce(
    private.finalize_answer(p_request_id, p_actor_id, v_action, p_auction_id),
    private.reason_refusal(p_reason)
  );
  if v_answer is not null then
    return v_answer;
  elsif p_request_id is null then
    return private.refusal('VALIDATION_ERROR', 'A request needs an id');
  elsif p_auction_id is null and p_force then
    return private.refusal('VALIDATION_ERROR', 'Name the auction that you close by force');
  elsif p_force then
    -- A bid holds this lock, so no bid of the caller comes between the check and the close.
    select * into v_auction from public.auctions where id = p_auction_id for no key update;
    if private.takes_part(v_auction, p_actor_id) then
      return private.refusal('FORBIDDEN', 'You take part in this auction');
    end if;
  end if;
  v_answer := case
    when p_auction_id is null then private.end_expired_auctions(100)
    else private.end_auction(p_auction_id, p_force)
  end;
  if not (v_answer ->> 'success')::boolean then
    return v_answer;
  end if;
  perform private.write_audit(
    p_actor_id,
    v_action,
    'auctions',
    p_auction_id::text,
    private.plain_reason(p_reason),
    jsonb_build_object('result', v_answer),
    p_request_id
  );
  return private.finalize_answer(p_request_id, p_actor_id, v_action, p_auction_id);
end;
$$;
comment on function private.finalize_auctions is 'Close auctions for a member of staff, and audit it; see the public wrapper.';
grant execute on function private.finalize_auctions to service_role;

create function private.finalize_answer(
  p_request_id uuid, p_actor_id uuid, p_action text, p_auction_id uuid
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select
      case
        when
          (actor_id, action, entity_id)
          is distinct from (p_actor_id, p_action, p_auction_id::text)
          then private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else')
        else
          jsonb_build_object(
            'success', true,
            'result', metadata -> 'result',
            'audit_log', jsonb_build_object(
              'id', id, 'actor_id', actor_id, 'action', action, 'entity', entity,
              'entity_id', entity_id, 'description', description, 'created_at', created_at
            )
          )
      end
    from public.audit_logs where id = p_request_id
  );
end;
$$;
comment on function private.finalize_answer is 'Return the answer of finalize_auctions from the audit entry that it wrote, a refusal if another request wrote the entry, or null if nobody did.';

create function private.closing_status(p_max_rows integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return jsonb_build_object(
    'server_time', v_now,
    'expired_count', (
      select count(*) from public.auctions where status = 'live' and end_at <= v_now
    ),
    'expired_auctions', (
      select coalesce(jsonb_agg(to_jsonb(expired) order by expired.end_at, expired.id), '[]')
      from (
        select
          a.id, a.listing_id, l.title, l.seller_id, a.end_at, a.current_price_cents, a.bid_count,
          coalesce(f.attempts, 0) as failed_attempts, f.retry_at, f.error
        from public.auctions as a
        join public.listings as l on l.id = a.listing_id
        left join private.finalize_failures as f on f.auction_id = a.id
        where a.status = 'live' and a.end_at <= v_now
        order by a.end_at, a.id
        limit p_max_rows
      ) as expired
    ),
    'recently_closed', (
      select coalesce(jsonb_agg(to_jsonb(closed) order by closed.finalized_at desc), '[]')
      from (
        select a.id as auction_id, a.status, a.end_at, a.finalized_at
        from public.auctions as a
        where a.finalized_at is not null
        order by a.finalized_at desc
        limit 10
      ) as closed
    )
  );
end;
$$;
comment on function private.closing_status is 'Return the auctions that wait for their close, and the last closed ones; see the public wrapper.';
grant execute on function private.closing_status to service_role;

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

create function private.extend_after_outage(
  p_auction public.auctions, p_outages tstzmultirange, p_now timestamptz
)
returns public.auctions
language plpgsql
set search_path = ''
as $$
declare
  v_lost_s numeric;
  v_listing public.listings;
  v_auction public.auctions;
begin
  if isempty(p_outages) or p_auction.outage_extension_s > 0 then
    return p_auction;
  end if;
  v_lost_s := private.lost_bidding_s(p_auction, p_outages);
  if v_lost_s = 0 then
    return p_auction;
  end if;
  select * into v_listing from public.listings where id = p_auction.listing_id;
  -- Nobody can bid on a suspended seller's auction, so more time would help nobody.
  if private.is_suspended(v_listing.seller_id) then
    return p_auction;
  end if;
  v_lost_s := greatest(v_lost_s, private.setting('outage_extension_min_s')::integer);
  update public.auctions
  set
    end_at = p_now + v_lost_s * interval '1 second',
    scheduled_end_at = p_now + v_lost_s * interval '1 second',
    outage_extension_s = ceil(v_lost_s),
    outage_extension_reason = 'Our service was down near the end of the auction',
    version = version + 1,
    updated_at = p_now
  where id = p_auction.id
  returning * into v_auction;
  update public.listings set end_at = v_auction.end_at, updated_at = p_now
  where id = v_listing.id;
  delete from private.finalize_failures where auction_id = p_auction.id;
  perform private.append_bid_log(
    p_auction.id,
    'extension',
    jsonb_build_object('end_at', private.log_time(v_auction.end_at)),
    p_now
  );
  perform private.notify_of_extension(v_auction, v_listing);
  return v_auction;
end;
$$;
comment on function private.extend_after_outage is 'Return bidding time to an auction that is locked and due, if outages took some, and notify the seller and the bidders. The new end counts from now, because bids after the old end were refused. An auction is extended once. Return the auction as it is then.';

create function private.lost_bidding_s(p_auction public.auctions, p_outages tstzmultirange)
returns numeric
language plpgsql
stable
set search_path = ''
as $$
declare
  v_window constant interval := private.setting('outage_window_s')::integer * interval '1 second';
  v_grace constant interval := private.setting('activation_grace_s')::integer
    * interval '1 second';
  -- A start later than the grace has moved the end, so the time before it was not lost.
  v_start_at constant timestamptz := coalesce(
    (
      select created_at from private.bid_log
      where
        auction_id = p_auction.id and seq = 1 and created_at - p_auction.start_at > v_grace
    ),
    p_auction.start_at
  );
  v_last_time constant tstzrange := tstzrange(
    greatest(v_start_at, p_auction.end_at - v_window), p_auction.end_at
  );
begin
  return (
    select coalesce(sum(extract(epoch from upper(lost) - lower(lost))), 0)
    from unnest(p_outages * tstzmultirange(v_last_time)) as lost
  );
end;
$$;
comment on function private.lost_bidding_s is 'Return the seconds of outages within the last outage_window_s seconds before the end of an auction. Time before the start and after the end counts for nothing, because nobody may bid then. Nor does time that a late start has already given back.';

create function private.notify_of_extension(p_auction public.auctions, p_listing public.listings)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.notify(
    person.id,
    'auction_extended',
    'The auction was extended',
    format(
      '%s goes on for %s seconds, because our service was down near its end.',
      p_listing.title, p_auction.outage_extension_s
    ),
    jsonb_build_object(
      'auction_id', p_auction.id, 'listing_id', p_listing.id, 'end_at', p_auction.end_at
    ),
    'auction_extended:' || p_auction.id || ':' || person.id
  )
  from (
    select p_listing.seller_id as id
    union
    select bidder_id from private.proxy_bids where auction_id = p_auction.id
  ) as person;
end;
$$;
comment on function private.notify_of_extension is 'Notify the seller and the bidders that an auction goes on after an outage.';

create function private.find_auction(p_listing_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_auction_id uuid;
begin
  select id into v_auction_id from public.auctions
  where listing_id = p_listing_id and status <> 'cancelled';
  if v_auction_id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  return jsonb_build_object('success', true, 'auction_id', v_auction_id);
end;
$$;
comment on function private.find_auction is 'Return the auction of a listing, or the refusal; see the public wrapper.';
grant execute on function private.find_auction to service_role;

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

-- Auctions: RPCs.

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
comment on function public.end_expired_auctions is 'Close the auctions whose end has come. An auction that lost bidding time to an outage is extended instead, once; its result is AUCTION_NOT_OVER with ends_at. Answers success, auctions_processed, failed, results, lags_s (seconds from each end to the commit). A later call tries the failed ones again.';
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
comment on function public.end_auction is 'Close an auction: finalized with an order, or no_sale. A repeat is marked already_processed. An auction that lost bidding time to an outage is extended first, once, unless force is true. Refusals: AUCTION_NOT_FOUND, AUCTION_NOT_LIVE, AUCTION_NOT_OVER (with ends_at).';
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

create function public.find_auction(listing_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.find_auction(find_auction.listing_id);
end;
$$;
comment on function public.find_auction is 'Return the auction of a listing. Answers success, auction_id. Refusal: LISTING_NOT_FOUND, also for a listing that was cancelled.';
grant execute on function public.find_auction to service_role;

create function public.finalize_auctions(
  actor_id uuid, request_id uuid, reason text, auction_id uuid default null,
  force boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.finalize_auctions(
    finalize_auctions.actor_id, finalize_auctions.request_id, finalize_auctions.reason,
    finalize_auctions.auction_id, coalesce(finalize_auctions.force, false)
  );
end;
$$;
comment on function public.finalize_auctions is 'Close one auction, by force even before its end, or up to 100 whose end has come: {success, result, audit_log}. result is the answer of end_auction or end_expired_auctions. Audited with this member of staff, whose rights the caller has checked. The same request_id gets the same answer. Refusals: VALIDATION_ERROR, REQUEST_ID_REUSED (the id of another request), FORBIDDEN (force by a member of staff who sells or bids there), and those of end_auction.';
grant execute on function public.finalize_auctions to service_role;

create function public.closing_status(max_rows integer default 100)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.closing_status(closing_status.max_rows);
end;
$$;
comment on function public.closing_status is 'Answers server_time, expired_count, expired_auctions (live ones whose end has come, the longest overdue first, with the failed tries to close them), recently_closed (the last ten).';
grant execute on function public.closing_status to service_role;

-- Auctions: grants and row level security.

alter table public.auctions enable row level security;
-- Grant each column by name, here as in every table that clients read: a grant on the table would
-- open the system columns too. A lock sets xmax, so xmax would show a raise that changes no column.
-- Realtime sends a role only changes of tables that it may select, so service_role needs a grant:
-- without one the closer gets no wake-up, and nothing reports that.
grant select (
  id, listing_id, status, start_at, end_at, scheduled_end_at, current_price_cents,
  min_next_bid_cents, high_bid_id, high_bidder_id, bid_count, reserve_met, extension_count,
  increment_scheme, version, finalized_at, created_at, updated_at, outage_extension_s,
  outage_extension_reason
) on public.auctions to anon, authenticated, service_role;

create policy visitors_read_uncancelled_auctions on public.auctions
for select to anon
using (status <> 'cancelled');
comment on policy visitors_read_uncancelled_auctions on public.auctions is 'Scheduled, live and ended auctions are public. A cancelled auction is not.';

create policy users_read_uncancelled_and_own_auctions on public.auctions
for select to authenticated
using (
  status <> 'cancelled'
  or (select private.is_staff())
  or exists (
    select from public.listings as l
    where l.id = auctions.listing_id and l.seller_id = (select auth.uid())
  )
);
comment on policy users_read_uncancelled_and_own_auctions on public.auctions is 'The seller and staff also read a cancelled auction, as they read its listing.';

alter table private.finalize_failures enable row level security;

alter table private.auction_broadcasts enable row level security;

-- Auctions: triggers.

create trigger auctions_check_high_bid
before update of high_bid_id, high_bidder_id, current_price_cents on public.auctions
for each row when (new.high_bid_id is not null) execute function private.check_high_bid();
