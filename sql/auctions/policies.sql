alter table public.auctions enable row level security;
-- Realtime rings a subscriber only about tables that its role may select: without service_role
-- in this line the closer would never be rung, and nothing would say so. Where a row holds a
-- payload, service_role gets the key and what rings alone: each worker is sent all it may select.
grant select on public.auctions to anon, authenticated, service_role;

create policy everyone_reads_uncancelled_auctions on public.auctions
for select to anon, authenticated
using (status <> 'cancelled');
comment on policy everyone_reads_uncancelled_auctions on public.auctions is 'Announced, running and over: all of it is public. What was called off is not.';

create policy sellers_and_staff_read_cancelled_auctions on public.auctions
for select to authenticated
using (
  (select private.is_staff())
  or exists (
    select from public.listings as l
    where l.id = auctions.listing_id and l.seller_id = (select auth.uid())
  )
);
comment on policy sellers_and_staff_read_cancelled_auctions on public.auctions is 'As with the listing that was called off.';

alter table private.finalize_failures enable row level security;

alter table private.auction_broadcasts enable row level security;
