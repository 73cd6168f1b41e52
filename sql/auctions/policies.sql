alter table public.auctions enable row level security;
-- Grant each column by name, here as in every table that clients read: a grant on the table would
-- open the system columns too. A lock sets xmax, so xmax would show a raise that changes no column.
-- Realtime sends a role only changes of tables that it may select, so service_role needs a grant:
-- without one the closer gets no wake-up, and nothing reports that.
grant select (
  id, listing_id, status, start_at, end_at, scheduled_end_at, current_price_cents,
  min_next_bid_cents, high_bid_id, high_bidder_id, bid_count, reserve_met, extension_count,
  increment_scheme, version, finalized_at, created_at, updated_at, outage_extension_s,
  outage_extension_reason
) on public.auctions to anon, authenticated, service_role;

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

alter table private.finalize_failures enable row level security;

alter table private.auction_broadcasts enable row level security;
