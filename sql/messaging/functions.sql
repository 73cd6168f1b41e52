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
  set order_id = excluded.order_id;
end;
$$;
comment on function private.open_order_thread is 'Attach the order to the thread in which its buyer asked about the listing, or open a new thread.';

create function private.mark_thread_read(p_thread_id uuid)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  perform private.require_account();
  update public.messages
  set read_at = v_now
  from public.message_threads as thread
  where messages.thread_id = p_thread_id
    and thread.id = p_thread_id
    and auth.uid() in (thread.buyer_id, thread.seller_id)
    and messages.sender_id <> auth.uid()
    and messages.delivery = 'delivered'
    and messages.read_at is null;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.mark_thread_read is 'Mark the messages that the caller received in a thread as read; see the public wrapper.';
grant execute on function private.mark_thread_read to authenticated;

create function private.stamp_read_at()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  -- The recipient's client sends a time of its own, which may be any time.
  new.read_at := coalesce(old.read_at, v_now);
  return new;
end;
$$;
comment on function private.stamp_read_at is 'Trigger: write the database''s time as read_at, once. A later change keeps the first time.';
