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
