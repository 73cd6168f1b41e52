-- What the small market of the REST tests lacks of the contract's tables, and the contract's rules.
alter table public.users
add column legal_name text, add column role text not null default 'buyer',
add column kyc_completed_at timestamptz;
alter table public.listings
add column description text not null default 'As shown', add column category_id integer default 1,
add column condition text not null default 'good',
add column end_at timestamptz not null default '2026-12-01', add column bid_count integer default 0;
alter table public.auctions
add column min_next_bid_cents bigint not null default 100, add column high_bid_id bigint,
add column high_bidder_id uuid references public.users, add column bid_count integer default 0,
add column version integer not null default 1;
alter table public.bids
add column max_proxy_cents bigint, add column accepted boolean not null default true,
add column placed_at timestamptz not null default clock_timestamp();
alter table public.orders
add column winning_bid_id bigint references public.bids,
add column state text not null default 'pending_payment',
add column created_at timestamptz not null default clock_timestamp();

create table public.message_threads (
  id uuid primary key default gen_random_uuid(),
  listing_id uuid not null references public.listings,
  order_id bigint references public.orders,
  buyer_id uuid not null references public.users,
  seller_id uuid not null references public.users,
  subject text,
  last_message_at timestamptz not null default clock_timestamp()
);
create table public.messages (
  id uuid primary key default gen_random_uuid(),
  thread_id uuid not null references public.message_threads,
  sender_id uuid not null references public.users,
  content text not null,
  delivery text not null default 'delivered',
  read_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);
create table public.notifications (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.users,
  type text not null,
  read boolean not null default false,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp()
);
create table public.disputes (
  id uuid primary key default gen_random_uuid(),
  order_id bigint not null references public.orders,
  initiator_id uuid not null references public.users,
  respondent_id uuid not null references public.users,
  state text not null default 'open',
  created_at timestamptz not null default clock_timestamp()
);

alter table public.message_threads enable row level security;
create policy parties_read_threads on public.message_threads for select to authenticated
using ((select auth.uid()) in (buyer_id, seller_id));
alter table public.messages enable row level security;
create policy parties_read_messages on public.messages for select to authenticated
using (
  (delivery = 'delivered' or sender_id = (select auth.uid()))
  and exists (
    select from public.message_threads as t
    where t.id = messages.thread_id and (select auth.uid()) in (t.buyer_id, t.seller_id)
  )
);
create policy recipients_mark_messages on public.messages for update to authenticated
using (sender_id <> (select auth.uid()));
revoke insert, update, delete on public.messages from anon, authenticated;
grant update (read_at) on public.messages to authenticated;
alter table public.notifications enable row level security;
create policy owners_read_notifications on public.notifications for select to authenticated
using (user_id = (select auth.uid()));
create policy owners_mark_notifications on public.notifications for update to authenticated
using (user_id = (select auth.uid()));
revoke insert, update, delete on public.notifications from anon, authenticated;
grant update (read) on public.notifications to authenticated;
alter table public.disputes enable row level security;
create policy parties_read_disputes on public.disputes for select to authenticated
using ((select auth.uid()) in (initiator_id, respondent_id));

alter publication supabase_realtime add table
public.auctions, public.bids, public.orders, public.notifications, public.messages,
public.message_threads, public.disputes;

create function public.get_time_remaining(auction_id uuid) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'auction_id', a.id, 'status', a.status, 'end_at', a.end_at, 'server_time', now(),
    'version', a.version,
    'time_remaining', greatest(0, extract(epoch from a.end_at - now()))
  )
  from public.auctions as a where a.id = get_time_remaining.auction_id
$$;

create function public.place_bid(
  auction_id uuid, amount_cents bigint, max_proxy_cents bigint = null, client_bid_id uuid = null
) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  v_auction public.auctions;
  v_bid_id bigint;
begin
  select * into v_auction from public.auctions as a where a.id = place_bid.auction_id for update;
  if not found then
    return jsonb_build_object('success', false, 'code', 'AUCTION_NOT_FOUND', 'error', 'Auction not found');
  end if;
  if place_bid.amount_cents < v_auction.min_next_bid_cents then
    return jsonb_build_object(
      'success', false, 'code', 'BID_TOO_LOW', 'minimum_bid_cents', v_auction.min_next_bid_cents,
      'error', format('Minimum bid is $%s', round(v_auction.min_next_bid_cents / 100.0, 2))
    );
  end if;
  insert into public.bids (auction_id, bidder_id, amount_cents)
  values (place_bid.auction_id, auth.uid(), place_bid.amount_cents) returning id into v_bid_id;
  update public.auctions as a
  set
    current_price_cents = place_bid.amount_cents, high_bid_id = v_bid_id,
    high_bidder_id = auth.uid(), min_next_bid_cents = place_bid.amount_cents + 100,
    bid_count = a.bid_count + 1, version = a.version + 1
  where a.id = place_bid.auction_id;
  return jsonb_build_object(
    'success', true, 'bid_id', v_bid_id, 'amount_cents', place_bid.amount_cents, 'is_leading', true
  );
end $$;
revoke execute on function public.place_bid from public, anon;

create function public.broadcast_time_remaining(auction_id uuid) returns void
language sql as $$
  select realtime.send(
    public.get_time_remaining(broadcast_time_remaining.auction_id), 'time_remaining',
    'auction:' || broadcast_time_remaining.auction_id::text
  )
$$;
revoke execute on function public.broadcast_time_remaining from public, anon, authenticated;

create function public.mark_all_notifications_read() returns bigint
language sql set search_path = '' as $$
  with marked as (
    update public.notifications set read = true
    where user_id = auth.uid() and not read
    returning id
  )
  select count(*) from marked
$$;
