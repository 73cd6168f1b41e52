-- This migration makes photos of listings work, and the files that the service keeps in Storage.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Photos: functions.

create function private.limit_photos()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- The lock makes uploads to one listing take turns, so that each counts the others.
  perform from public.listings where id = new.listing_id for no key update;
  if
    (select count(*) from public.listing_photos where listing_id = new.listing_id)
    >= private.setting('photo_max')::integer
  then
    raise check_violation using
      message = 'A listing has no room for another photo',
      constraint = 'listing_photos_are_few';
  end if;
  return new;
end;
$$;
comment on function private.limit_photos is 'Trigger: refuse a photo beyond the number in the setting photo_max.';

create function private.hash_parts(p_hash text)
returns text[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    'a' || substr(p_hash, 1, 11), 'b' || substr(p_hash, 12, 11), 'c' || substr(p_hash, 23, 11),
    'd' || substr(p_hash, 34, 11), 'e' || substr(p_hash, 45, 10), 'f' || substr(p_hash, 55, 10)
  ];
end;
$$;
comment on function private.hash_parts is 'Cut a perceptual hash into six parts, each marked with its place. Two hashes that differ in at most five bits have a part in common.';

-- The table is new, so it has no rows.
-- squawk-ignore require-concurrent-index-creation
create index listing_photos_hash_parts_idx
on public.listing_photos using gin (private.hash_parts(perceptual_hash));

create function private.hash_distance(p_one text, p_other text)
returns integer
language plpgsql
immutable
set search_path = ''
as $$
begin
  return bit_count(('x' || p_one)::bit(256) # ('x' || p_other)::bit(256));
end;
$$;
comment on function private.hash_distance is 'Return the number of bits, 0 to 256, in which two perceptual hashes differ.';

create function private.check_image_duplicate(
  p_hash text, p_listing_id uuid, p_threshold integer
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_hash constant text := lower(p_hash);
  v_parts text[];
  v_images jsonb;
  v_count integer;
begin
  if coalesce(v_hash collate "C" !~ '^[0-9a-f]{64}$' or p_threshold not between 0 and 256, true) then
    raise sqlstate 'PT400' using message = 'INVALID_PARAMS';
  end if;
  -- The index finds every hash within five bits. A wider search reads all photos.
  if p_threshold <= 5 then
    v_parts := private.hash_parts(v_hash);
  end if;
  with similar_photos as (
    select photo.listing_id, photo.url, private.hash_distance(photo.perceptual_hash, v_hash) as bits
    from private.photos_with_parts(v_parts) as photo
    where photo.listing_id is distinct from p_listing_id
  ),

  near as (
    select listing_id, url, bits, count(*) over () as total from similar_photos
    where bits <= p_threshold
    order by bits, listing_id, url
    limit 20
  )

  select
    coalesce(max(total), 0),
    coalesce(
      jsonb_agg(
        jsonb_build_object('listing_id', listing_id, 'photo_url', url, 'hamming_distance', bits)
        order by bits, listing_id, url
      ),
      '[]'
    )
  into v_count, v_images
  from near;
  return jsonb_build_object(
    'is_duplicate', v_count > 0,
    'similar_count', v_count,
    'similar_images', v_images,
    'threshold_used', p_threshold
  );
end;
$$;
comment on function private.check_image_duplicate is 'Find photos of other listings that look the same; see the public wrapper.';
grant execute on function private.check_image_duplicate to service_role;

create function private.photos_with_parts(p_parts text[])
returns setof public.listing_photos
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_parts is null then
    return query select * from public.listing_photos where perceptual_hash is not null;
  else
    return query
    select * from public.listing_photos where private.hash_parts(perceptual_hash) && p_parts;
  end if;
end;
$$;
comment on function private.photos_with_parts is 'Return the photos whose hash has one of these parts, or all that have a hash where p_parts is null.';

create function private.photo_refusal(p_user_id uuid, p_listing public.listings)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_listing.id is null or p_listing.status = 'cancelled' and p_listing.seller_id <> p_user_id
  then
    return private.refusal('RESOURCE_NOT_FOUND', 'Listing not found');
  elsif p_listing.seller_id is distinct from p_user_id then
    return private.refusal('FORBIDDEN', 'Only the seller changes the photos of a listing');
  elsif p_listing.status not in ('scheduled', 'live') then
    return private.refusal('CONFLICT', 'This listing is over');
  end if;
  return null;
end;
$$;
comment on function private.photo_refusal is 'Return the reason why a user may not add a photo to a listing, or null. A live listing may get photos, because the web app uploads them after create_listing.';

create function private.store_photo(
  p_listing_id uuid, p_order_idx integer, p_path text, p_url text, p_picture jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_id uuid;
begin
  if
    (select count(*) from public.listing_photos where listing_id = p_listing_id)
    >= private.setting('photo_max')::integer
  then
    return private.refusal('VALIDATION_ERROR', 'The listing has no room for another photo');
  end if;
  insert into public.listing_photos (
    listing_id, url, path, order_idx, perceptual_hash, file_size, mime_type, width, height
  )
  values (
    p_listing_id, p_url, p_path, p_order_idx, p_picture ->> 'hash',
    (p_picture ->> 'size')::bigint, p_picture ->> 'media_type',
    (p_picture ->> 'width')::integer, (p_picture ->> 'height')::integer
  )
  returning id into v_id;
  return jsonb_build_object('success', true, 'id', v_id);
end;
$$;
comment on function private.store_photo is 'Add a photo to a listing that the caller has locked, or return the refusal of a full one.';

create function private.remove_photo(
  p_user_id uuid, p_path text, p_photo_id uuid, p_listing_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_listing public.listings;
  v_photo public.listing_photos;
  v_refusal jsonb;
begin
  select photo.* into v_photo
  from public.listing_photos as photo
  join public.listings as listing on listing.id = photo.listing_id
  where
    photo.path = p_path
    and photo.id = coalesce(p_photo_id, photo.id)
    and photo.listing_id = coalesce(p_listing_id, photo.listing_id)
    and (listing.status <> 'cancelled' or listing.seller_id = p_user_id);
  if v_photo.id is null then
    return null;
  end if;
  select * into v_listing from public.listings where id = v_photo.listing_id for no key update;
  v_refusal := private.photo_refusal(p_user_id, v_listing);
  if v_refusal is null and v_listing.bid_count > 0 then
    v_refusal := private.refusal('CONFLICT', 'A listing with bids keeps its photos');
  end if;
  if v_refusal is null then
    delete from public.listing_photos where id = v_photo.id;
  end if;
  return coalesce(v_refusal, jsonb_build_object('success', true));
end;
$$;
comment on function private.remove_photo is 'Remove a photo of a listing without bids, as its seller, or return the refusal. Return null if no photo that the user may see has this path.';

create function private.remove_photos(p_listing_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_objects text[];
begin
  -- Staff need the photos until they have decided about a report.
  if exists (
    select from public.content_reports where listing_id = p_listing_id and status = 'open'
  ) then
    return;
  end if;
  with gone as (
    delete from public.listing_photos where listing_id = p_listing_id
    returning path
  )

  select array_agg(split_part(path, '#', 1)) into v_objects from gone;
  delete from private.stored_files as file
  where
    file.bucket_id = 'listing-photos'
    and file.path = any(v_objects)
    and not exists (
      select from public.listing_photos as photo
      where split_part(photo.path, '#', 1) = file.path
    );
end;
$$;
comment on function private.remove_photos is 'Delete the rows of all photos of a listing that the caller has locked, unless an open report is about it. The reconcile job then removes the objects that no other listing shows.';

-- Photos: RPCs.

create function public.check_image_duplicate(
  p_hash text, p_listing_id uuid, p_threshold integer default 5
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.check_image_duplicate(
    check_image_duplicate.p_hash,
    check_image_duplicate.p_listing_id,
    check_image_duplicate.p_threshold
  );
end;
$$;
comment on function public.check_image_duplicate is 'Find photos of other listings whose perceptual hash differs from p_hash in at most p_threshold of 256 bits: {is_duplicate, similar_count, similar_images, threshold_used}. similar_images has the 20 nearest: listing_id, photo_url, hamming_distance. Up to a threshold of 5 an index serves. Raises INVALID_PARAMS.';
grant execute on function public.check_image_duplicate to service_role;

-- Photos: grants and row level security.

alter table public.listing_photos enable row level security;
grant select (
  id, listing_id, url, path, order_idx, perceptual_hash, file_size, mime_type, width, height,
  created_at
) on public.listing_photos to anon, authenticated;

create policy everyone_reads_photos_with_their_listing on public.listing_photos
for select to anon, authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all listings.
using ((
  select true from public.listings
  where listings.id = listing_photos.listing_id
));
comment on policy everyone_reads_photos_with_their_listing on public.listing_photos is 'The policies of listings decide who may read the photos.';

-- Photos: triggers.

create trigger listing_photos_limit_photos
before insert on public.listing_photos
for each row execute function private.limit_photos();

-- Storage: functions.

create function private.uuid_or_null(p_text text)
returns uuid
language plpgsql
immutable
set search_path = ''
as $$
begin
  if
    p_text collate "C" ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
  then
    return p_text::uuid;
  end if;
  return null;
end;
$$;
comment on function private.uuid_or_null is 'Return a text as a UUID, or null if it does not have that form.';
grant execute on function private.uuid_or_null to anon, authenticated;

create function private.check_upload(
  p_user_id uuid, p_type text, p_listing_id uuid, p_dispute_id uuid
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return coalesce(
    private.upload_refusal(p_user_id, p_type, p_listing_id, p_dispute_id),
    jsonb_build_object('success', true)
  );
end;
$$;
comment on function private.check_upload is 'Return success if a user may upload a file now, or the refusal; see the public wrapper.';
grant execute on function private.check_upload to service_role;

create function private.upload_refusal(
  p_user_id uuid, p_type text, p_listing_id uuid, p_dispute_id uuid
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.account_refusal(p_user_id);
  v_dispute public.disputes;
  v_listing public.listings;
begin
  if v_refusal is not null then
    return v_refusal;
  elsif p_type = 'listing_photo' then
    select * into v_listing from public.listings where id = p_listing_id;
    return private.photo_refusal(p_user_id, v_listing);
  elsif p_type = 'evidence_file' then
    select * into v_dispute from public.disputes where id = p_dispute_id;
    return private.evidence_refusal(p_user_id, v_dispute);
  elsif p_type in ('profile_avatar', 'address_proof') then
    return null;
  end if;
  return private.refusal('VALIDATION_ERROR', 'This type of file does not exist');
end;
$$;
comment on function private.upload_refusal is 'Return the reason why a user may not upload a file of this type, or null.';

create function private.evidence_refusal(p_user_id uuid, p_dispute public.disputes)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_dispute.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Dispute not found');
  elsif coalesce(p_user_id not in (p_dispute.initiator_id, p_dispute.respondent_id), true) then
    return private.refusal('FORBIDDEN', 'Only the parties of a dispute add evidence');
  elsif not private.is_dispute_open(p_dispute.status) then
    return private.refusal('CONFLICT', 'This dispute is decided already');
  end if;
  return null;
end;
$$;
comment on function private.evidence_refusal is 'Return the reason why a user may not add or remove evidence of a dispute, or null.';

create function private.record_file(
  p_user_id uuid, p_type text, p_listing_id uuid, p_dispute_id uuid, p_order_idx integer,
  p_path text, p_url text, p_title text, p_file jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_subject_id constant uuid := case p_type
    when 'listing_photo' then p_listing_id
    when 'evidence_file' then p_dispute_id
    else p_user_id
  end;
  v_answer jsonb;
begin
  perform private.refuse_unless_valid(
    num_nulls(p_path, p_url) = 0
    and p_file ->> 'sha256' ~ '^[0-9a-f]{64}$'
    and p_file ->> 'size' ~ '^[1-9][0-9]{0,8}$'
    and p_file ->> 'media_type' is not null
  );
  -- A suspension locks the user before the listings, so this does too.
  perform from public.users where id = p_user_id for key share;
  perform private.lock_subject(p_type, v_subject_id);
  v_answer := private.upload_refusal(p_user_id, p_type, p_listing_id, p_dispute_id);
  if v_answer is not null then
    return v_answer;
  end if;
  v_answer := private.recorded_file(p_user_id, p_type, v_subject_id, p_order_idx, p_file);
  if v_answer is not null then
    return v_answer;
  end if;
  v_answer := case p_type
    when 'listing_photo'
      then private.store_photo(p_listing_id, p_order_idx, p_path, p_url, p_file)
    when 'evidence_file'
      then private.store_evidence(p_user_id, p_dispute_id, p_path, p_url, p_title, p_file)
    else private.make_room(p_type, p_user_id)
  end;
  if (v_answer ->> 'success')::boolean then
    insert into private.stored_files (
      bucket_id, path, owner_id, subject_id, sha256, file_size, media_type
    )
    values (
      private.bucket_of(p_type), p_path, p_user_id, v_subject_id, p_file ->> 'sha256',
      (p_file ->> 'size')::bigint, p_file ->> 'media_type'
    );
    v_answer := jsonb_build_object('displaced', '[]'::jsonb) || v_answer
      || jsonb_build_object('path', p_path);
  end if;
  return v_answer;
end;
$$;
comment on function private.record_file is 'Record a file that the service has put into Storage; see the public wrapper.';
grant execute on function private.record_file to service_role;

create function private.lock_subject(p_type text, p_subject_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_type = 'listing_photo' then
    perform from public.listings where id = p_subject_id for no key update;
  elsif p_type = 'evidence_file' then
    perform from public.disputes where id = p_subject_id for no key update;
  else
    perform from public.users where id = p_subject_id for no key update;
  end if;
end;
$$;
comment on function private.lock_subject is 'Lock the row that a file is about, so that uploads take turns and each counts the others.';

create function private.bucket_of(p_type text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_type
    when 'listing_photo' then 'listing-photos'
    when 'evidence_file' then 'evidence-uploads'
    when 'profile_avatar' then 'profile-avatars'
    when 'address_proof' then 'address-proofs'
  end;
end;
$$;
comment on function private.bucket_of is 'Return the bucket for files of a type.';

create function private.recorded_file(
  p_user_id uuid, p_type text, p_subject_id uuid, p_order_idx integer, p_file jsonb
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_id uuid;
  v_path text;
begin
  select file.path, coalesce(photo.id, evidence.id) into v_path, v_id
  from private.stored_files as file
  left join public.listing_photos as photo on photo.path = file.path
  left join public.dispute_evidence as evidence on evidence.path = file.path
  where
    file.bucket_id = private.bucket_of(p_type)
    and file.subject_id = p_subject_id
    and file.owner_id = p_user_id
    and file.sha256 = p_file ->> 'sha256'
    and (p_type <> 'listing_photo' or photo.order_idx = p_order_idx)
  limit 1;
  if v_path is null then
    return null;
  end if;
  return jsonb_build_object('success', true, 'id', v_id, 'path', v_path, 'displaced', '[]'::jsonb);
end;
$$;
comment on function private.recorded_file is 'Return the answer to an upload that repeats an earlier one: the same bytes, of the same user, for the same place. Return null for a new file.';

create function private.store_evidence(
  p_user_id uuid, p_dispute_id uuid, p_path text, p_url text, p_title text, p_file jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_id uuid;
  v_refusal jsonb;
begin
  if
    (
      select count(*) from public.dispute_evidence
      where dispute_id = p_dispute_id and user_id = p_user_id
    )
    >= private.setting('evidence_max')::integer
  then
    return private.refusal('VALIDATION_ERROR', 'The dispute has no room for another file of yours');
  end if;
  v_refusal := private.payment_text_refusal(
    'file', p_title, private.recent_dispute_texts(p_dispute_id, p_user_id)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.dispute_evidence (dispute_id, user_id, evidence_type, title, file_url, path)
  values (
    p_dispute_id, p_user_id,
    case p_file ->> 'media_type' when 'application/pdf' then 'document' else 'photo' end
    ::public.evidence_type,
    p_title, p_url, p_path
  )
  returning id into v_id;
  return jsonb_build_object('success', true, 'id', v_id);
end;
$$;
comment on function private.store_evidence is 'Add a file to a dispute that the caller has locked, or return the refusal.';

create function private.make_room(p_type text, p_user_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_paths jsonb;
begin
  -- A user has one avatar and a few proofs. The service removes the objects of older ones, and the
  -- reconcile job those that the service leaves behind.
  with displaced as (
    delete from private.stored_files
    where (bucket_id, path) in (
      select bucket_id, path from private.stored_files
      where bucket_id = private.bucket_of(p_type) and owner_id = p_user_id
      order by created_at desc, path
      offset case p_type when 'profile_avatar' then 0 else 4 end
    )
    returning path
  )

  select coalesce(jsonb_agg(path order by path), '[]') into v_paths from displaced;
  return jsonb_build_object('success', true, 'id', null, 'displaced', v_paths);
end;
$$;
comment on function private.make_room is 'Forget the older avatar, or all but the newest four proofs of address, before another one is added. The answer names the paths of what is forgotten.';

create function private.remove_file(
  p_user_id uuid, p_bucket text, p_path text, p_photo_id uuid, p_listing_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_object constant text := private.object_name(p_bucket, p_path);
  v_answer jsonb;
begin
  v_answer := case p_bucket
    when 'listing-photos'
      then private.remove_photo(p_user_id, p_path, p_photo_id, p_listing_id)
    when 'evidence-uploads' then private.remove_evidence(p_user_id, p_path)
    when 'profile-avatars' then private.lock_user_file(p_user_id, p_bucket, p_path)
    when 'address-proofs' then private.lock_user_file(p_user_id, p_bucket, p_path)
  end;
  v_answer := coalesce(
    v_answer, private.leftover_answer(p_user_id, p_bucket, p_path),
    private.refusal('RESOURCE_NOT_FOUND', 'File not found')
  );
  if not (v_answer ->> 'success')::boolean then
    return v_answer;
  elsif exists (
    select from public.listing_photos
    where split_part(path, '#', 1) = v_object and p_bucket = 'listing-photos'
  ) then
    return v_answer || jsonb_build_object('object', null);
  end if;
  delete from private.stored_files where bucket_id = p_bucket and path = v_object;
  return v_answer || jsonb_build_object('object', v_object);
end;
$$;
comment on function private.remove_file is 'Remove the row of a file; see the public wrapper.';
grant execute on function private.remove_file to service_role;

create function private.object_name(p_bucket text, p_path text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case when p_bucket = 'listing-photos' then split_part(p_path, '#', 1) else p_path end;
end;
$$;
comment on function private.object_name is 'Return the name of the object of a file. Listings that were offered again show one photo under paths that differ behind a #.';

create function private.remove_evidence(p_user_id uuid, p_path text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_dispute public.disputes;
  v_evidence public.dispute_evidence;
  v_refusal jsonb;
begin
  select * into v_evidence from public.dispute_evidence where path = p_path;
  if v_evidence.id is null then
    return null;
  end if;
  select * into v_dispute from public.disputes where id = v_evidence.dispute_id for no key update;
  v_refusal := private.evidence_refusal(p_user_id, v_dispute);
  if v_refusal is null and v_evidence.user_id is distinct from p_user_id then
    v_refusal := private.refusal('FORBIDDEN', 'This evidence is not yours');
  elsif v_refusal is null and v_dispute.status <> 'open' then
    v_refusal := private.refusal('CONFLICT', 'This evidence is under review');
  end if;
  if v_refusal is null then
    delete from public.dispute_evidence where id = v_evidence.id;
  end if;
  return coalesce(v_refusal, jsonb_build_object('success', true));
end;
$$;
comment on function private.remove_evidence is 'Remove evidence of a dispute that staff have not begun to review, as the party who added it, or return the refusal. Return null if no evidence has this path.';

create function private.lock_user_file(p_user_id uuid, p_bucket text, p_path text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_owner_id uuid;
begin
  select owner_id into v_owner_id from private.stored_files
  where bucket_id = p_bucket and path = p_path for update;
  if v_owner_id is null then
    return null;
  elsif v_owner_id is distinct from p_user_id then
    return private.refusal('FORBIDDEN', 'This file is not yours');
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.lock_user_file is 'Lock the row of an avatar or a proof of address, which remove_file then deletes. Return success to its owner and a refusal to another user, or null if no file has this path.';

create function private.leftover_answer(p_user_id uuid, p_bucket text, p_path text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_own constant boolean := case p_bucket
    when 'listing-photos' then exists (
      select from public.listings
      where id = private.uuid_or_null(split_part(p_path, '/', 1)) and seller_id = p_user_id
    )
    when 'evidence-uploads'
      then starts_with(split_part(p_path, '/', 2), p_user_id::text || '_')
    else split_part(p_path, '/', 1) = p_user_id::text
  end;
begin
  if
    not exists (
      select from storage.objects
      where bucket_id = p_bucket and name = private.object_name(p_bucket, p_path)
    )
    or exists (select from public.listing_photos where path = p_path)
    or exists (select from public.dispute_evidence where path = p_path)
  then
    return null;
  elsif v_is_own then
    return jsonb_build_object('success', true);
  end if;
  return private.refusal('FORBIDDEN', 'This file is not yours');
end;
$$;
comment on function private.leftover_answer is 'Allow a user to remove an object of theirs that no row names. A call that lost its answer has left such an object, and is repeated. Return null if there is no such object.';

create function private.find_orphan_files(
  p_after_bucket text, p_after_path text, p_max_rows integer
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_oldest constant timestamptz := v_now
    - private.setting('orphan_grace_s')::integer * interval '1 second';
  v_last record;
begin
  with page as (
    select bucket_id, name, created_at from storage.objects
    where
      bucket_id in ('listing-photos', 'evidence-uploads', 'profile-avatars', 'address-proofs')
      and (bucket_id, name) > (coalesce(p_after_bucket, ''), coalesce(p_after_path, ''))
    order by bucket_id, name
    limit least(p_max_rows, 5000)
  ),

  ending as (
    select bucket_id, name from page
    order by bucket_id desc, name desc
    limit 1
  )

  select
    ending.bucket_id,
    ending.name,
    (select count(*) from page) = least(p_max_rows, 5000) as is_full,
    (
      select jsonb_agg(jsonb_build_object('bucket', page.bucket_id, 'path', page.name))
      from page
      where
        page.created_at < v_oldest and not private.is_file_in_use(page.bucket_id, page.name)
    ) as orphans
  into v_last
  from ending;
  return jsonb_build_object(
    'files', coalesce(v_last.orphans, '[]'),
    'after_bucket', case when v_last.is_full then v_last.bucket_id end,
    'after_path', case when v_last.is_full then v_last.name end
  );
end;
$$;
comment on function private.find_orphan_files is 'Look through a page of the objects for those without a row; see the public wrapper.';
grant execute on function private.find_orphan_files to service_role;

create function private.is_file_in_use(p_bucket text, p_path text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.stored_files as file
    join public.users as owner on owner.id = file.owner_id
    where
      file.bucket_id = p_bucket
      and file.path = p_path
      -- A deleted account keeps what others may need: photos of a sale, and evidence.
      and (owner.deleted_at is null or p_bucket in ('listing-photos', 'evidence-uploads'))
  ) or exists (
    select from public.listing_photos
    where split_part(path, '#', 1) = p_path and p_bucket = 'listing-photos'
  ) or exists (
    select from public.dispute_evidence
    where path = p_path and p_bucket = 'evidence-uploads'
  );
end;
$$;
comment on function private.is_file_in_use is 'Return true if a row names this object. Avatars and proofs of address end with their user''s account.';

-- Storage: RPCs.

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

-- Storage: grants and row level security.

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
