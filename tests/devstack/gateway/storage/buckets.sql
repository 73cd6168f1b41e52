-- Buckets in which users write for themselves, as in the clients' documentation.
insert into storage.buckets (id, name, public, file_size_limit) values
('notes', 'notes', false, null),
('dropbox', 'dropbox', false, null),
('tiny', 'tiny', true, 10),
('hostile', 'hostile', false, null);

create policy owner_reads_notes on storage.objects for select to authenticated
using (bucket_id = 'notes' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy owner_writes_notes on storage.objects for insert to authenticated
with check (bucket_id = 'notes' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy owner_changes_notes on storage.objects for update to authenticated
using (bucket_id = 'notes' and owner_id = (select auth.uid())::text)
with check (bucket_id = 'notes' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy owner_deletes_notes on storage.objects for delete to authenticated
using (bucket_id = 'notes' and owner_id = (select auth.uid())::text);

-- Anyone may add a small text, announced as such, and nobody may read it.
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
