set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.finish_bid(
  p_before private.standing, p_after private.standing, p_bid_id uuid, p_seq integer,
  p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_leader_changes constant boolean := coalesce(p_before.leader_id <> p_after.leader_id, false);
  v_min_next_bid_cents bigint := p_before.min_next_bid_cents;
  v_reserve_met boolean := p_before.reserve_met;
  v_end_at timestamptz := p_before.end_at;
  v_version integer := p_before.version;
begin
  -- Without a new high bid, the leader only raised their own maximum. Rivals see no change.
  if p_after.high_bid_id is distinct from p_before.high_bid_id then
    v_min_next_bid_cents := p_after.price_cents
      + private.step_cents(p_after.price_cents, p_before.rules -> 'bid_increments');
    -- A listing without a reserve counts as met from the start, so keep the old value if it is
    -- true.
    v_reserve_met := v_reserve_met
      or coalesce(p_after.price_cents >= p_before.reserve_cents, false);
    v_end_at := private.extended_end(
      p_before.end_at, p_before.scheduled_end_at, p_now, p_before.rules
    );
    v_version := v_version + 1;
    update public.auctions
    set
      current_price_cents = p_after.price_cents,
      min_next_bid_cents = v_min_next_bid_cents,
      high_bid_id = p_after.high_bid_id,
      high_bidder_id = p_after.leader_id,
      bid_count = p_after.bid_count,
      reserve_met = v_reserve_met,
      end_at = v_end_at,
      extension_count = extension_count + (v_end_at > end_at)::integer,
      version = v_version,
      updated_at = p_now
    where id = p_before.auction_id;
    update public.listings
    set
      current_bid_cents = p_after.price_cents,
      bid_count = p_after.bid_count,
      end_at = v_end_at,
      updated_at = p_now
    where id = p_before.listing_id;
  end if;
  if v_leader_changes then
    -- Use a plain insert, because private.notify costs more and offers nothing that this
    -- notification needs.
    insert into public.notifications (user_id, type, title, created_at, message, metadata)
    values (
      p_before.leader_id, 'outbid', 'You have been outbid', p_now,
      p_before.title || ' is at ' || private.dollars(p_after.price_cents) || ' now.',
      jsonb_build_object(
        'auction_id', p_before.auction_id,
        'listing_id', p_before.listing_id,
        'current_price_cents', p_after.price_cents
      )
    );
  end if;
  return jsonb_build_object(
    'success', true,
    'bid_id', p_bid_id,
    'amount_cents', p_amount_cents,
    'is_proxy_bid', p_max_cents > p_amount_cents,
    'outbid_previous', v_leader_changes,
    'previous_bidder_id', p_before.leader_id,
    'previous_amount_cents',
    case when p_before.leader_id is not null then p_before.price_cents end,
    'extension_seconds', extract(epoch from v_end_at - p_before.end_at),
    'new_end_at', v_end_at,
    'is_leading', p_after.leader_id = p_before.bidder_id,
    'current_price_cents', p_after.price_cents,
    'min_next_bid_cents', v_min_next_bid_cents,
    'reserve_met', v_reserve_met,
    'end_at', v_end_at,
    'server_time', p_now,
    'version', v_version,
    'seq', p_seq,
    'received_at', p_now,
    'time_left_ms', floor(extract(epoch from p_before.end_at - p_now) * 1000)::bigint,
    'idempotent', false
  );
end;
$$;
