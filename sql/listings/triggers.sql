create trigger listings_fold_text
after insert or update of title, description on public.listings
for each row execute function private.fold_listing_text();
