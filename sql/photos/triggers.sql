create trigger listing_photos_limit_photos
before insert on public.listing_photos
for each row execute function private.limit_photos();
