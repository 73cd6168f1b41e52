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
