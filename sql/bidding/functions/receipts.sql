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
