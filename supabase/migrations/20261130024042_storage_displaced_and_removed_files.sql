set lock_timeout = '2s';
set statement_timeout = '30s';

update private.app_settings
set value = '{"upload_personal_file": {"max": 20, "window_s": 3600}}' || value
where key = 'rate_limits';

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

create or replace function private.record_file(
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
  return jsonb_build_object('success', true, 'id', v_id, 'path', v_path, 'displaced', '[]'::jsonb);
end;
$$;

create or replace function private.make_room(p_type text, p_user_id uuid)
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

create or replace function private.cancel_auction(p_auction_id uuid, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_listing public.listings;
begin
  update public.auctions
  set status = 'cancelled', finalized_at = p_now, version = version + 1, updated_at = p_now
  where id = p_auction_id;
  update public.listings set status = 'cancelled', updated_at = p_now
  where id = (select a.listing_id from public.auctions as a where a.id = p_auction_id)
  returning * into v_listing;
  perform private.notify(
    person.id,
    'auction_cancelled',
    'The auction was cancelled',
    v_listing.title || ' is no longer for sale.',
    jsonb_build_object('auction_id', p_auction_id, 'listing_id', v_listing.id),
    'auction_cancelled:' || p_auction_id || ':' || person.id
  )
  from (
    select v_listing.seller_id as id
    union
    select bidder_id from private.proxy_bids where auction_id = p_auction_id
  ) as person;
  delete from private.finalize_failures where auction_id = p_auction_id;
  -- Anyone who kept a link could still see the photos.
  perform private.remove_photos(v_listing.id);
end;
$$;

comment on function private.cancel_auction is 'Cancel an auction that is locked, and its listing, because of a decision of staff. Remove the photos, and notify the seller and the bidders.';

create or replace function private.call_off(p_listing_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_now timestamptz;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings
  where id = p_listing_id and (seller_id = auth.uid() or private.is_staff());
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.status = 'cancelled' then
    return jsonb_build_object('success', true);
  elsif
    v_listing.status = 'ended' or v_auction.status = 'live' and v_auction.end_at <= v_now
  then
    return private.refusal('LISTING_OVER', 'This listing is over');
  elsif v_auction.high_bidder_id is not null then
    return private.refusal('LISTING_HAS_BIDS', 'A listing with bids cannot be cancelled');
  end if;
  update public.auctions
  set status = 'cancelled', finalized_at = v_now, version = version + 1, updated_at = v_now
  where id = v_auction.id;
  update public.listings set status = 'cancelled', updated_at = v_now where id = p_listing_id;
  if v_listing.seller_id <> auth.uid() then
    perform private.remove_photos(p_listing_id);
    perform private.write_audit(
      auth.uid(), 'listing_cancelled', 'listings', p_listing_id::text,
      'Staff cancelled a listing without bids'
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.call_off is 'Cancel a listing and its auction, or return the refusal. Staff thereby remove the photos, too. A repeat changes nothing and succeeds.';

create or replace function private.store_report_decision(
  p_report public.content_reports, p_uphold boolean, p_reason text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_status public.listing_status;
begin
  if p_report.status = 'open' then
    v_now := private.clock();
    update public.content_reports
    set
      status = case when p_uphold then 'upheld' else 'dismissed' end::public.report_status,
      decided_by = auth.uid(),
      decided_at = v_now,
      updated_at = v_now
    where id = p_report.id;
    perform private.write_audit(
      auth.uid(), case when p_uphold then 'report_upheld' else 'report_dismissed' end,
      'content_reports', p_report.id::text, p_reason,
      jsonb_strip_nulls(jsonb_build_object(
        'listing_id', p_report.listing_id, 'message_id', p_report.message_id,
        'user_id', p_report.user_id
      ))
    );
    -- With the lock, the later one of two decisions, or of a decision and a removal, sees both.
    select status into v_status from public.listings
    where id = p_report.listing_id for no key update;
    if v_status = 'cancelled' then
      perform private.remove_photos(p_report.listing_id);
    end if;
  end if;
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.store_report_decision is 'Record a decision about a report, and audit it. After the last open report about a cancelled listing, remove the photos. The same decision again changes nothing.';

comment on function public.staff_decide_report is 'Uphold or dismiss a report as staff: {success}. Other functions remove or suspend; only the photos of a cancelled listing go with its last open report. The same decision again succeeds and changes nothing. Audited. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (the caller reported or is reported), VALIDATION_ERROR, CONFLICT (decided otherwise), REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';

comment on function public.staff_suspend_user is 'Suspend a user as staff: {success}. The sessions end, the user''s scheduled and live auctions are cancelled, and the user''s bids are withdrawn from live auctions. Photos go as in staff_remove_listing. lift true ends the suspension; auctions and bids stay as they are. The same call again succeeds and changes nothing. Audited. Refusals: PROFILE_NOT_FOUND, FORBIDDEN (oneself, an admin unless the caller is one, or a user whose running auction the caller takes part in), VALIDATION_ERROR, REQUEST_ID_REUSED. Raises FORBIDDEN for others than staff.';

comment on function public.staff_remove_listing is 'Remove a scheduled or live listing as staff, with bids or without: {success}. The auction is cancelled, and the seller and the bidders get auction_cancelled. The photos go at once, or with the decision about the last open report. A repeat succeeds and changes nothing. Audited. Refusals: LISTING_NOT_FOUND, LISTING_OVER, FORBIDDEN (the caller sells or bids there), VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';

comment on function public.record_file is 'Record a file that the service has put into Storage: {success, id, path, displaced}. file has sha256, size and media_type, a photo also hash, width and height. The same bytes for the same place are recorded once, and a repeat answers the path of the first. displaced holds the paths of older files that this one replaces; the caller removes their objects. Refusals: as check_upload, VALIDATION_ERROR (no room), PAYMENT_IN_TEXT (in the title of evidence).';
