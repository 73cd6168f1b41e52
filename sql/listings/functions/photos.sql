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
