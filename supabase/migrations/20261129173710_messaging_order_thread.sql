set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.open_order_thread(p_order public.orders, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.message_threads as thread (
    listing_id, order_id, buyer_id, seller_id, subject, last_message_at
  )
  select listings.id, p_order.id, p_order.buyer_id, p_order.seller_id, listings.title, p_now
  from public.listings
  where listings.id = p_order.listing_id
  on conflict (listing_id, buyer_id) do update
  set
    order_id = excluded.order_id,
    -- To the seller a hidden thread is new, and a held message gives no thread its place.
    last_message_at = case
      when thread.is_visible_to_seller then thread.last_message_at else excluded.last_message_at
    end,
    is_visible_to_seller = true;
end;
$$;
