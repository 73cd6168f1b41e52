set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.keep_delivery_address(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into private.order_addresses (order_id, delivery_address)
  select p_order.id, buyer.address
  from public.users as buyer
  join public.listings as listing on listing.id = p_order.listing_id
  where buyer.id = p_order.buyer_id and buyer.address is not null and listing.shipping;
end;
$$;
comment on function private.keep_delivery_address is 'Keep the buyer''s address as it is at the payment, if the listing offers shipping. A later change of the profile does not redirect a parcel.';
