create function private.get_my_proxy(p_auction_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  end if;
  return (
    select jsonb_build_object(
      'auction_id', p.auction_id,
      'max_cents', p.max_cents,
      'is_leading', coalesce(a.high_bidder_id = p.bidder_id, false),
      'updated_at', p.max_set_at
    )
    from private.proxy_bids as p
    join public.auctions as a on a.id = p.auction_id
    where p.auction_id = p_auction_id and p.bidder_id = auth.uid()
  );
end;
$$;
comment on function private.get_my_proxy is 'Return the caller''s own maximum in an auction, or null without a bid. It never returns the maximum of another bidder.';
grant execute on function private.get_my_proxy to authenticated;
