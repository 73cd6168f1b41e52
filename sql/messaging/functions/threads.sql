create function private.start_thread(
  p_listing_id uuid, p_content text, p_client_message_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_message('start_thread', p_client_message_id);
  v_content constant text := private.plain_text(p_content, 1000);
  v_thread public.message_threads;
begin
  if v_answer is not null then
    return private.repeated_answer(
      v_answer,
      exists (
        select from public.message_threads
        where id = (v_answer ->> 'thread_id')::uuid and listing_id = p_listing_id
      )
    );
  end if;
  v_thread := private.thread_about(p_listing_id);
  v_answer := coalesce(
    private.asker_refusal(v_thread),
    private.sender_refusal(v_thread),
    private.content_refusal(v_content),
    -- Count the call last, so that the person may try again after a mistake.
    private.use_rate_limit('start_thread'),
    private.store_message(v_thread, v_content, p_client_message_id)
  );
  return private.finish_request(p_client_message_id, v_answer);
end;
$$;
comment on function private.start_thread is 'Write to the seller of a listing; see the public wrapper.';
grant execute on function private.start_thread to authenticated;

create function private.thread_about(p_listing_id uuid)
returns public.message_threads
language plpgsql
stable
set search_path = ''
as $$
declare
  v_thread public.message_threads;
begin
  select * into v_thread from public.message_threads
  where listing_id = p_listing_id and buyer_id = auth.uid();
  if found then
    return v_thread;
  end if;
  -- A cancelled listing is hidden, except from the buyer who has an order for it.
  select listing.id, listing.seller_id, listing.title, sale.id
  into v_thread.listing_id, v_thread.seller_id, v_thread.subject, v_thread.order_id
  from public.listings as listing
  left join public.orders as sale
    on sale.listing_id = listing.id and sale.buyer_id = auth.uid()
  where listing.id = p_listing_id and (listing.status <> 'cancelled' or sale.id is not null);
  v_thread.buyer_id := auth.uid();
  return v_thread;
end;
$$;
comment on function private.thread_about is 'Return the thread of the caller about a listing. Without one, return a thread without an id, which is not stored. Its listing is null if the caller may not see the listing.';

create function private.asker_refusal(p_thread public.message_threads)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_thread.listing_id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif p_thread.seller_id = p_thread.buyer_id then
    return private.refusal('OWN_LISTING', 'You cannot write to yourself about your own listing');
  end if;
  return null;
end;
$$;
comment on function private.asker_refusal is 'Return the reason why the caller may not write to the seller of a listing, or null.';

create function private.store_thread(
  p_thread public.message_threads, p_is_delivered boolean, p_now timestamptz
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_thread_id uuid := p_thread.id;
begin
  if v_thread_id is null then
    -- The seller must not see a thread whose only message is held. An order belongs to both.
    insert into public.message_threads (
      listing_id, order_id, buyer_id, seller_id, subject, last_message_at, is_visible_to_seller
    )
    values (
      p_thread.listing_id, p_thread.order_id, p_thread.buyer_id, p_thread.seller_id,
      p_thread.subject, p_now, p_is_delivered or p_thread.order_id is not null
    )
    on conflict (listing_id, buyer_id) do nothing
    returning id into v_thread_id;
  end if;
  if v_thread_id is null then
    -- The close of the auction, or another call of the buyer, has opened the thread meanwhile.
    select id into v_thread_id from public.message_threads
    where listing_id = p_thread.listing_id and buyer_id = p_thread.buyer_id;
  end if;
  return v_thread_id;
end;
$$;
comment on function private.store_thread is 'Return the id of a thread. Store the thread first if it is new.';

create function private.open_order_thread(p_order public.orders, p_now timestamptz)
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
comment on function private.open_order_thread is 'Attach the order to the thread in which its buyer asked about the listing, or open a new thread.';
