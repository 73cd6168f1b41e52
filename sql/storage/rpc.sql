create function public.check_upload(
  user_id uuid, type text, listing_id uuid default null, dispute_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.check_upload(
    check_upload.user_id, check_upload.type, check_upload.listing_id, check_upload.dispute_id
  );
end;
$$;
comment on function public.check_upload is 'Check that a user may upload a file, before the service reads it: {success}. type is listing_photo, evidence_file, profile_avatar or address_proof. Refusals: PROFILE_NOT_FOUND, USER_SUSPENDED, RESOURCE_NOT_FOUND, FORBIDDEN, CONFLICT (the listing or the dispute is over), VALIDATION_ERROR.';
grant execute on function public.check_upload to service_role;

create function public.record_file(
  user_id uuid, type text, path text, url text, title text, file jsonb,
  listing_id uuid default null, dispute_id uuid default null, order_idx integer default 0
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_file(
    record_file.user_id, record_file.type, record_file.listing_id, record_file.dispute_id,
    record_file.order_idx, record_file.path, record_file.url, record_file.title, record_file.file
  );
end;
$$;
comment on function public.record_file is 'Record a file that the service has put into Storage: {success, id, path, displaced}. file has sha256, size and media_type, a photo also hash, width and height. The same bytes for the same place are recorded once, and a repeat answers the path of the first. displaced holds the paths of older files that this one replaces; the caller removes their objects. Refusals: as check_upload, VALIDATION_ERROR (no room), PAYMENT_IN_TEXT (in the title of evidence).';
grant execute on function public.record_file to service_role;

create function public.remove_file(
  user_id uuid, bucket text, path text, photo_id uuid default null, listing_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.remove_file(
    remove_file.user_id, remove_file.bucket, remove_file.path, remove_file.photo_id,
    remove_file.listing_id
  );
end;
$$;
comment on function public.remove_file is 'Remove the row of a file: {success, object}. The caller then removes the object from Storage; null means that another listing shows it. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, CONFLICT (the listing is over or has bids, or the dispute is under review).';
grant execute on function public.remove_file to service_role;

create function public.find_orphan_files(
  after_bucket text default null, after_path text default null, max_rows integer default 5000
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.find_orphan_files(
    find_orphan_files.after_bucket, find_orphan_files.after_path, find_orphan_files.max_rows
  );
end;
$$;
comment on function public.find_orphan_files is 'Look through a page of the objects in our buckets for those that no row names and that are older than orphan_grace_s: {files, after_bucket, after_path}. The last two are the place to go on from, or null at the end.';
grant execute on function public.find_orphan_files to service_role;
