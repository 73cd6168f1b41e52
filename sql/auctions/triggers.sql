create trigger auctions_check_high_bid
before update of high_bid_id, high_bidder_id, current_price_cents on public.auctions
for each row when (new.high_bid_id is not null) execute function private.check_high_bid();
