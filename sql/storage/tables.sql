-- Only the service writes objects, with the secret key. The limits here repeat its own checks.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values
(
  'listing-photos', 'listing-photos', true, 10485760,
  '{image/jpeg,image/png,image/webp}'
),
(
  'evidence-uploads', 'evidence-uploads', false, 10485760,
  '{image/jpeg,image/png,image/webp,application/pdf}'
),
(
  'profile-avatars', 'profile-avatars', true, 5242880,
  '{image/jpeg,image/png,image/webp}'
),
(
  'address-proofs', 'address-proofs', false, 10485760,
  '{image/jpeg,image/png,image/webp,application/pdf}'
)
on conflict (id) do update
  set
    public = excluded.public,
    file_size_limit = excluded.file_size_limit,
    allowed_mime_types = excluded.allowed_mime_types;

create table private.stored_files (
  bucket_id text not null,
  path text not null,
  owner_id uuid not null,
  subject_id uuid not null,
  sha256 text not null,
  file_size bigint not null,
  media_type text not null,
  created_at timestamptz not null default now(),
  constraint stored_files_pkey primary key (bucket_id, path),
  constraint stored_files_owner_id_fkey foreign key (owner_id) references public.users (id),
  constraint stored_files_sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),
  constraint stored_files_size_is_positive check (file_size > 0)
);
comment on table private.stored_files is 'Each file that the service keeps in Storage. The reconcile job removes an object that has no row here.';
comment on column private.stored_files.subject_id is 'The listing, the dispute or the user that the file is about.';
comment on column private.stored_files.sha256 is 'Hash of the stored bytes. It shows that an upload repeats an earlier one.';

create index stored_files_owner_id_idx on private.stored_files (owner_id);
create index stored_files_subject_id_idx on private.stored_files (subject_id, sha256);
