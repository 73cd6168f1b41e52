set lock_timeout = '2s';
set statement_timeout = '30s';

drop policy everyone_reads_uncancelled_listings on public.listings;
drop policy sellers_and_staff_read_cancelled_listings on public.listings;
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

drop policy everyone_reads_uncancelled_auctions on public.auctions;
drop policy sellers_and_staff_read_cancelled_auctions on public.auctions;
create policy visitors_read_uncancelled_auctions on public.auctions
for select to anon
using (status <> 'cancelled');
comment on policy visitors_read_uncancelled_auctions on public.auctions is 'Scheduled, live and ended auctions are public. A cancelled auction is not.';

create policy users_read_uncancelled_and_own_auctions on public.auctions
for select to authenticated
using (
  status <> 'cancelled'
  or (select private.is_staff())
  or exists (
    select from public.listings as l
    where l.id = auctions.listing_id and l.seller_id = (select auth.uid())
  )
);
comment on policy users_read_uncancelled_and_own_auctions on public.auctions is 'The seller and staff also read a cancelled auction, as they read its listing.';

