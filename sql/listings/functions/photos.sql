create function private.limit_photos()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- Uploads of one listing take turns, so that none counts without the other.
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
comment on function private.limit_photos is 'Trigger: a listing has at most as many photos as the setting photo_max says.';
