alter table private.stored_files enable row level security;

-- Clients read objects, and make signed links to them. Only the service writes, because no policy
-- allows insert, update or delete. The first segment of a path names the listing, dispute or user.
-- A public link needs no policy. A policy also lets a client list objects.
-- Hosted Supabase lets us create policies on this table, but not comment on them.
create policy everyone_lists_photos_with_their_listing on storage.objects
for select to anon, authenticated
using (
  bucket_id = 'listing-photos'
  and (
    select true from public.listings
    where listings.id = private.uuid_or_null(split_part(objects.name, '/', 1))
  )
);

create policy parties_read_evidence_files on storage.objects
for select to authenticated
using (
  bucket_id = 'evidence-uploads'
  and (
    select true from public.disputes
    where disputes.id = private.uuid_or_null(split_part(objects.name, '/', 1))
  )
);

create policy people_list_their_own_avatar on storage.objects
for select to authenticated
using (
  bucket_id = 'profile-avatars'
  and split_part(name, '/', 1) = (select auth.uid())::text
);

create policy owners_and_staff_read_address_proofs on storage.objects
for select to authenticated
using (
  bucket_id = 'address-proofs'
  and (
    split_part(name, '/', 1) = (select auth.uid())::text
    or (select private.is_staff())
  )
);
