set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.withdraw_bids(
  p_auction_id uuid, p_bidder_ids uuid[], p_actor_id uuid, p_reason text
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_ladder jsonb;
  v_before public.auctions;
  v_after public.auctions;
  v_ranking record;
  v_numbers jsonb;
  v_now timestamptz;
begin
  select * into v_before from public.auctions where id = p_auction_id for no key update;
  v_now := private.clock();
  if v_before.status is distinct from 'live' then
    return false;
  end if;
  -- Continue the log first, so that each bidder has a number.
  perform private.continued_log(p_auction_id, v_now);
  -- Read the increments after the lock. They are then the ones that the log states.
  v_ladder := private.setting('bid_increments');
  -- A bidder without a maximum has no bid here, or all of them were withdrawn before.
  with withdrawn as (
    delete from private.proxy_bids
    where auction_id = p_auction_id and bidder_id = any(p_bidder_ids)
    returning bidder_id, bidder_number
  ), barred as (
    insert into private.bid_withdrawals (auction_id, bidder_id, actor_id, reason, withdrawn_at)
    select p_auction_id, bidder_id, p_actor_id, p_reason, v_now from withdrawn
  )
  select jsonb_agg(bidder_number order by bidder_number) into v_numbers from withdrawn;
  if v_numbers is null then
    return false;
  end if;

  select * into v_ranking from private.ranked_maxima(v_before.listing_id, p_auction_id, v_ladder);
  v_after := private.lower_auction(
    v_before, p_bidder_ids, v_ranking.leader_id, v_ranking.price_cents,
    v_ranking.reserve in ('none', 'met', 'lifted'), v_ladder, v_now
  );
  perform private.append_bid_log(
    p_auction_id,
    'withdrawal',
    jsonb_build_object(
      'bidders', v_numbers, 'leader', v_ranking.leader_number,
      'price_cents', v_ranking.price_cents, 'reserve', v_ranking.reserve
    ),
    v_now
  );
  perform private.notify_of_withdrawal(v_before, v_after);
  return true;
end;
$$;
