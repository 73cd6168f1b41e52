create function private.stored_receipt(
  p_bidder_id uuid, p_client_bid_id uuid, p_auction_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_stored private.bid_receipts;
begin
  if p_client_bid_id is null then
    return null;
  end if;
  -- Both copies of a call may be under way at once: the second waits here for the first. Locks of
  -- two numbers are another kind than the auctions' of one: the caller chooses this key, and could
  -- choose one whose hash is that of an auction, to hold up all who bid there.
  perform pg_advisory_xact_lock(hashtext(p_bidder_id::text), hashtext(p_client_bid_id::text));
  select * into v_stored from private.bid_receipts
  where bidder_id = p_bidder_id and client_bid_id = p_client_bid_id;
  if v_stored.auction_id <> p_auction_id then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_stored.receipt || '{"idempotent": true}';
end;
$$;
comment on function private.stored_receipt is 'What this call was answered before, marked as a repeat; null if it was not, or was refused.';

create function private.bid_receipt(
  p_standing private.standing, p_after public.auctions, p_bid_id uuid, p_seq integer,
  p_amount_cents bigint, p_max_cents bigint, p_now timestamptz
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_before constant public.auctions := p_standing.auction;
begin
  return jsonb_build_object(
    'success', true,
    'bid_id', p_bid_id,
    'amount_cents', p_amount_cents,
    'is_proxy_bid', p_max_cents > p_amount_cents,
    'outbid_previous', coalesce(v_before.high_bidder_id <> p_after.high_bidder_id, false),
    'previous_bidder_id', v_before.high_bidder_id,
    'previous_amount_cents', case
      when v_before.high_bidder_id is not null then v_before.current_price_cents
    end,
    'extension_seconds', extract(epoch from p_after.end_at - v_before.end_at),
    'new_end_at', p_after.end_at,
    'is_leading', p_after.high_bidder_id = p_standing.bidder_id,
    'current_price_cents', p_after.current_price_cents,
    'min_next_bid_cents', p_after.min_next_bid_cents,
    'reserve_met', p_after.reserve_met,
    'end_at', p_after.end_at,
    'server_time', p_now,
    'version', p_after.version,
    'seq', p_seq,
    'received_at', p_now,
    'time_left_ms', floor(extract(epoch from v_before.end_at - p_now) * 1000)::bigint,
    'idempotent', false
  );
end;
$$;
comment on function private.bid_receipt is 'What a bidder is told about a bid that stood. received_at and time_left_ms are those of the moment at which the lock was held.';
