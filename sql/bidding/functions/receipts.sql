create function private.stored_receipt(
  p_bidder_id uuid, p_client_bid_id uuid, p_auction_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_lock text;
  v_auction_id uuid;
  v_receipt jsonb;
begin
  if p_client_bid_id is null then
    return null;
  end if;
  -- Of two concurrent copies of a call, the second waits here for the first. A lock of two numbers
  -- never equals an auction's lock of one number. So a caller cannot choose a key that locks an
  -- auction.
  v_lock := pg_advisory_xact_lock(uuid_hash(p_bidder_id), uuid_hash(p_client_bid_id));
  select auction_id, receipt into v_auction_id, v_receipt from private.bid_receipts
  where bidder_id = p_bidder_id and client_bid_id = p_client_bid_id;
  if v_auction_id is null then
    return null;
  elsif v_auction_id <> p_auction_id then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_receipt || '{"idempotent": true}';
end;
$$;
comment on function private.stored_receipt is 'Lock the caller''s key. Return the receipt of an earlier call with it, marked as a repeat, or null if there is none.';

create function private.purge_bid_receipts(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_reached constant timestamptz := coalesce(
    (select reached_at from private.reading_positions where list = 'expired_bid_receipts'),
    '-infinity'
  );
  v_last timestamptz;
  v_count integer;
begin
  -- A bid on a closed auction is refused, so a repeat without its receipt has no effect. Auctions
  -- before the position have no receipts any more, so no run looks at them again.
  with expired as (
    select receipt.bidder_id, receipt.client_bid_id, auction.finalized_at
    from public.auctions as auction
    join private.bid_receipts as receipt on auction.id = receipt.auction_id
    where auction.finalized_at >= v_reached and auction.finalized_at < p_before
    order by auction.finalized_at
    limit p_max_rows
  ), purged as (
    delete from private.bid_receipts as receipt using expired
    where
      receipt.bidder_id = expired.bidder_id and receipt.client_bid_id = expired.client_bid_id
  )
  select max(finalized_at), count(*) into v_last, v_count from expired;
  if v_last is not null then
    perform private.advance_reading(
      'expired_bid_receipts', floor(extract(epoch from v_last))::bigint
    );
  end if;
  return v_count;
end;
$$;
comment on function private.purge_bid_receipts is 'Delete the receipts of bids on auctions that were closed before a time. Return their number.';
