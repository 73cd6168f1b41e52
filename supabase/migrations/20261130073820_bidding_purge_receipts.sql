set lock_timeout = '2s';
set statement_timeout = '30s';

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

comment on table private.bid_receipts is 'The answer to each accepted bid with a client_bid_id. A client that repeats the call gets it again and places no second bid. It is kept until 30 days after the close of the auction.';
