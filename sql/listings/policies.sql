alter table public.listings enable row level security;
grant select (
  id, seller_id, title, description, category_id, condition, location, pickup, shipping,
  start_cents, buy_now_cents, start_at, end_at, status, current_bid_cents, bid_count,
  created_at, updated_at
) on public.listings to anon, authenticated;

create policy visitors_read_uncancelled_listings on public.listings
for select to anon
using (status <> 'cancelled');
comment on policy visitors_read_uncancelled_listings on public.listings is 'Visitors read scheduled, live and ended listings.';

create policy users_read_uncancelled_and_own_listings on public.listings
for select to authenticated
using (
  status <> 'cancelled' or seller_id = (select auth.uid()) or (select private.is_staff())
);
comment on policy users_read_uncancelled_and_own_listings on public.listings is 'Bidders can still read a listing after its end. Only its seller and staff read a cancelled one.';

alter table private.listing_private enable row level security;

alter table private.listing_texts enable row level security;
