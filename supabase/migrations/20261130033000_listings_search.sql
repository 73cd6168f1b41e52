set lock_timeout = '2s';
set statement_timeout = '30s';

create extension if not exists pg_trgm with schema extensions;

create table private.listing_texts (
  listing_id uuid not null,
  folded_text text collate "C" not null,
  constraint listing_texts_pkey primary key (listing_id),
  constraint listing_texts_listing_id_fkey
  foreign key (listing_id) references public.listings (id)
);
comment on table private.listing_texts is 'Title and description of each listing in lower case, for the search. They are apart from the listings, because a bid or a close would otherwise write to the index of texts.';

create index listing_texts_folded_text_idx on private.listing_texts
using gin (folded_text extensions.gin_trgm_ops);

alter table private.listing_texts enable row level security;

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

create trigger listings_fold_text
after insert or update of title, description on public.listings
for each row execute function private.fold_listing_text();

insert into private.listing_texts (listing_id, folded_text)
select id, lower(title || e'\n' || description) from public.listings;

create function public.search_listings(search text, listing_status text default 'live')
returns setof public.listings
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
    select * from private.search_listings(
      search_listings.search, search_listings.listing_status
    );
end;
$$;
comment on function public.search_listings is 'Return the listings of a status (scheduled, live or ended) whose title or description contains a text, in any case. Answers rows of listings, at most the 1,000 newest. Select columns and embeds, filter, sort and count them as rows of the table.';
grant execute on function public.search_listings to anon, authenticated;
