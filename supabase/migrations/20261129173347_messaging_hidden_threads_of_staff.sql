set lock_timeout = '2s';
set statement_timeout = '30s';

drop policy parties_read_their_threads on public.message_threads;

create policy parties_read_their_threads on public.message_threads
for select to authenticated
using (
  buyer_id = (select auth.uid())
  or (seller_id = (select auth.uid()) and is_visible_to_seller)
  or (seller_id <> (select auth.uid()) and (select private.is_staff()))
);

comment on policy parties_read_their_threads on public.message_threads is 'Only buyer, seller and staff may know that the two talk. The seller, also one on the staff, does not see a thread in which every message is held.';
