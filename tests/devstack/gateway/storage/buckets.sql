-- Buckets and policies shaped as a market's: reading is up to the policies, and where nothing is
-- said of writing only the service does it.
create table public.disputes (
  id uuid primary key,
  buyer_id uuid not null,
  seller_id uuid not null
);
alter table public.disputes enable row level security;
create policy parties_read_disputes on public.disputes for select to authenticated
using ((select auth.uid()) in (buyer_id, seller_id));

create table public.staff (user_id uuid primary key);
alter table public.staff enable row level security;
create policy staff_reads_itself on public.staff for select to authenticated
using (user_id = (select auth.uid()));

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values
('listing-photos', 'listing-photos', true, 10485760, '{image/jpeg,image/png,image/webp}'),
('evidence-uploads', 'evidence-uploads', false, 10485760, '{image/*,application/pdf}'),
('profile-avatars', 'profile-avatars', true, 5242880, '{image/*}'),
('address-proofs', 'address-proofs', false, 10485760, '{image/*,application/pdf}'),
-- Beyond the market: as the clients' documentation has users write for themselves.
('notes', 'notes', false, null, null),
('dropbox', 'dropbox', false, null, null),
('tiny', 'tiny', true, 10, null),
('hostile', 'hostile', false, null, null);

create policy owner_reads_avatars on storage.objects for select to authenticated
using (
  bucket_id = 'profile-avatars' and (storage.foldername(name))[1] = (select auth.uid())::text
);
create policy parties_read_evidence on storage.objects for select to authenticated
using (
  bucket_id = 'evidence-uploads'
  and exists (
    select from public.disputes as d
    where
      d.id::text = (storage.foldername(name))[1]
      and (select auth.uid()) in (d.buyer_id, d.seller_id)
  )
);
create policy owner_and_staff_read_proofs on storage.objects for select to authenticated
using (
  bucket_id = 'address-proofs'
  and (
    (storage.foldername(name))[1] = (select auth.uid())::text
    or exists (select from public.staff as s where s.user_id = (select auth.uid()))
  )
);

create policy owner_reads_notes on storage.objects for select to authenticated
using (bucket_id = 'notes' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy owner_writes_notes on storage.objects for insert to authenticated
with check (bucket_id = 'notes' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy owner_changes_notes on storage.objects for update to authenticated
using (bucket_id = 'notes' and owner_id = (select auth.uid())::text)
with check (bucket_id = 'notes' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy owner_deletes_notes on storage.objects for delete to authenticated
using (bucket_id = 'notes' and owner_id = (select auth.uid())::text);

-- Whoever puts something in cannot look, and only what is announced as small.
create policy everybody_drops on storage.objects for insert to anon, authenticated
with check (
  bucket_id = 'dropbox'
  and metadata ->> 'mimetype' = 'text/plain'
  and (metadata ->> 'contentLength')::bigint < 1000
);

create policy user_sees_own_buckets on storage.buckets for select to authenticated
using (owner_id = (select auth.uid())::text);
create policy user_makes_buckets on storage.buckets for insert to authenticated
with check (owner_id = (select auth.uid())::text and not public);
