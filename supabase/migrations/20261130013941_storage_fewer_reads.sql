set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.reporter_refusal;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.remove_user_file;

create function private.account_refusal(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_user public.users;
begin
  select * into v_user from public.users where id = p_user_id and deleted_at is null;
  if v_user.id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif v_user.suspended_at is not null then
    return private.refusal('USER_SUSPENDED', 'Your account is suspended');
  end if;
  return null;
end;
$$;

comment on function private.account_refusal is 'Return the refusal of a user who has no account, or whose account was deleted or suspended. Otherwise return null.';

create or replace function private.upload_refusal(
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

create or replace function private.recorded_file(
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
  return jsonb_build_object('success', true, 'id', v_id, 'path', v_path);
end;
$$;

create or replace function private.remove_file(
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
  elsif v_owner_id <> p_user_id then
    return private.refusal('FORBIDDEN', 'This file is not yours');
  end if;
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.lock_user_file is 'Lock the row of an avatar or a proof of address, which remove_file then deletes. Return success to its owner and a refusal to another user, or null if no file has this path.';

create or replace function private.find_orphan_files(
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

create or replace function private.report_content(
  p_reason text, p_listing_id uuid, p_message_id uuid, p_user_id uuid, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'report_content', p_client_request_id, coalesce(p_listing_id, p_message_id, p_user_id)
  );
  v_report public.content_reports;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  v_report.reporter_id := auth.uid();
  v_report.listing_id := p_listing_id;
  v_report.message_id := p_message_id;
  v_report.user_id := p_user_id;
  v_report.reason := private.plain_reason(p_reason);
  v_answer := coalesce(
    private.account_refusal(auth.uid()),
    private.use_rate_limit('report_content'),
    private.reason_refusal(p_reason),
    private.target_refusal(v_report),
    private.store_report(v_report)
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
