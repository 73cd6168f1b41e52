-- The market's buckets, whose objects the service alone writes; and one of the documentation's,
-- where people write what is theirs.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values
('listing-photos', 'listing-photos', true, 10485760, '{image/jpeg,image/png,image/webp}'),
('evidence-uploads', 'evidence-uploads', false, 10485760, '{image/*,application/pdf}'),
('profile-avatars', 'profile-avatars', true, 5242880, '{image/*}'),
('address-proofs', 'address-proofs', false, 10485760, '{image/*,application/pdf}'),
('avatars', 'avatars', false, 1000, '{image/png,text/plain}');

create policy parties_read_evidence on storage.objects for select to authenticated
using (
  bucket_id = 'evidence-uploads'
  and exists (
    select from public.disputes as d
    where
      d.id::text = (storage.foldername(name))[1]
      and (select auth.uid()) in (d.initiator_id, d.respondent_id)
  )
);
create policy owners_read_proofs on storage.objects for select to authenticated
using (
  bucket_id = 'address-proofs' and (storage.foldername(name))[1] = (select auth.uid())::text
);

create policy people_read_their_folder on storage.objects for select to authenticated
using (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy people_add_to_their_folder on storage.objects for insert to authenticated
with check (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy people_change_their_folder on storage.objects for update to authenticated
using (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy people_empty_their_folder on storage.objects for delete to authenticated
using (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid())::text);
