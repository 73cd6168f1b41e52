create function private.keep_delivery_address(p_order public.orders)
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

create function private.order_address(p_order public.orders, p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_order.paid_at is null or private.is_ended(p_order.state) then
    return '{}';
  end if;
  return coalesce(case private.party_of(p_order, p_user_id)
    when 'buyer' then (
      select
        jsonb_build_object(
          'pickup_address', listing.location || jsonb_build_object('street', secret.street)
        )
      from public.listings as listing
      left join private.listing_private as secret on listing.id = secret.listing_id
      where listing.id = p_order.listing_id and listing.pickup
    )
    when 'seller' then (
      select jsonb_build_object('delivery_address', delivery_address)
      from private.order_addresses where order_id = p_order.id
    )
  end, '{}');
end;
$$;
comment on function private.order_address is 'Return the address that this party needs for the handover, under its key, or an empty object. The buyer gets the pickup address and the seller the delivery address, from the payment until the order ends with its money returned.';
