set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.withdraw_suspended_bids(p_auction_id uuid)
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
