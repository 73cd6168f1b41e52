create function private.fold_listing_text()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  insert into private.listing_texts (listing_id, folded_text)
  values (new.id, lower(new.title || e'\n' || new.description))
  on conflict (listing_id) do update set folded_text = excluded.folded_text;
  return null;
end;
$$;
comment on function private.fold_listing_text is 'Trigger: keep the text that search_listings reads.';

create function private.search_listings(p_search text, p_status text)
returns setof public.listings
language plpgsql
stable
security definer
set search_path = ''
-- A plan for any text would read all texts for a frequent word.
set plan_cache_mode = force_custom_plan
as $$
declare
  v_pattern constant text := '%' || regexp_replace(lower(p_search), '([\\%_])', '\\\1', 'g') || '%';
  v_status public.listing_status;
begin
  select label into v_status
  from unnest(enum_range(null::public.listing_status)) as label
  where label::text = p_status and p_status <> 'cancelled';
  -- Row level security would check each row before the text, and so use no index of texts. These are
  -- the rows that visitors may read.
  return query
    select listing.*
    from public.listings as listing
      join private.listing_texts as listing_text on listing_text.listing_id = listing.id
    where listing.status = v_status and listing_text.folded_text like v_pattern
    order by listing.created_at desc
    limit 1000;
end;
$$;
comment on function private.search_listings is 'Return the listings that contain a text; see the public wrapper.';
grant execute on function private.search_listings to anon, authenticated;
