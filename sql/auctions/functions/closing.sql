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
