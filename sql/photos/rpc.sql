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
