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
