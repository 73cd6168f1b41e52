create function private.get_order(p_order_id uuid, p_user_id uuid, p_aal text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_listing jsonb;
begin
  select * into v_order from public.orders where id = p_order_id;
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif not private.may_view_order(v_order, p_user_id, p_aal) then
    return private.refusal('FORBIDDEN', 'Unauthorized to view this order');
  end if;
  v_listing := private.listing_of_order(v_order.listing_id);
  return jsonb_build_object(
    'success', true,
    'order', to_jsonb(v_order) || jsonb_build_object(
      'listings', v_listing,
      -- The pages of the web app read the listing under either name.
      'listing', v_listing,
      'buyer', private.public_name(v_order.buyer_id),
      'seller', private.public_name(v_order.seller_id)
    ) || private.order_address(v_order, p_user_id)
  );
end;
$$;
comment on function private.get_order is 'Return an order for its page; see the public wrapper.';
grant execute on function private.get_order to service_role;

create function private.may_view_order(p_order public.orders, p_user_id uuid, p_aal text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.has_staff_rights(p_user_id, p_aal) or (
    private.party_of(p_order, p_user_id) is not null
    and not private.is_deleted_account(p_user_id)
  );
end;
$$;
comment on function private.may_view_order is 'Return true if the user is a party of the order or staff. The token of a deleted account stays valid until it expires.';

create function private.listing_of_order(p_listing_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'id', listing.id,
      'title', listing.title,
      'description', listing.description,
      'listing_photos', coalesce((
        select
          jsonb_agg(
            jsonb_build_object('id', photo.id, 'url', photo.url, 'order_idx', photo.order_idx)
            order by photo.order_idx, photo.id
          )
        from public.listing_photos as photo
        where photo.listing_id = listing.id
      ), '[]')
    )
    from public.listings as listing
    where listing.id = p_listing_id
  );
end;
$$;
comment on function private.listing_of_order is 'Return the part of a listing that the page of its order shows.';

create function private.public_name(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('id', id, 'display_name', display_name)
    from public.users where id = p_user_id
  );
end;
$$;
comment on function private.public_name is 'Return id and display name of a user, all that the other party of an order sees.';
