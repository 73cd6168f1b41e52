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
