-- `Prefer: count=planned` answers the planner's estimate, which counts rows that row level security
-- hides. PostgREST obeys the first Prefer header of a request, but check_request sees the last one.
-- Therefore columns that name a person, and all columns of tables that hide rows, have no
-- statistics. The estimate then depends on the table's size alone, not on the value in the filter.
do $$
declare
  v_column record;
begin
  for v_column in
    select c.relname, a.attname
    from pg_class as c join pg_attribute as a on a.attrelid = c.oid
    where
      c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and a.attnum > 0 and not a.attisdropped
      and (
        has_column_privilege('anon', c.oid, a.attnum, 'select')
        or has_column_privilege('authenticated', c.oid, a.attnum, 'select')
      )
      and (
        -- Everybody reads the rows of these tables.
        c.relname not in ('listings', 'listing_photos', 'auctions', 'bids')
        or exists (
          select from pg_constraint as k
          where
            k.conrelid = c.oid and k.confrelid = 'public.users'::regclass
            and a.attnum = any(k.conkey)
        )
      )
  loop
    execute format(
      'alter table public.%I alter column %I set statistics 0', v_column.relname, v_column.attname
    );
  end loop;
end $$;
