-- This migration reads all tables. It removes statistics that clients could read, and sets what
-- REST does.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Security: statistics.

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

-- Security: settings of REST.

-- PostgREST reads these settings of its login role. Postgres gives the last one to each session.
-- Hosted Supabase lets role postgres set them.
-- They belong to the database, and pg_dump omits them: after a restore, run this file again.
do $$
declare
  v_setting record;
begin
  for v_setting in
    select * from (values
      -- By `Prefer: tx=rollback` a caller could bid, read the reserve and the leader's maximum from
      -- the receipt, and undo the bid.
      ('pgrst.db_tx_end', 'commit'),
      -- The limit bounds every list. It also makes each embed a subquery of its own. Without it the
      -- planner joins an embed of the view public_profiles, and reads all users for that.
      ('pgrst.db_max_rows', '1000'),
      ('pgrst.db_pre_request', 'private.check_request'),
      -- The rows that the web app reads are mostly in memory. At the default of 4 the planner reads
      -- all sales of a seller and sorts them, although an index has them in order.
      ('random_page_cost', '1')
    ) as setting (name, value)
  loop
    execute format(
      'alter role authenticator in database %I set %s = %L',
      current_database(), v_setting.name, v_setting.value
    );
  end loop;
end $$;
notify pgrst, 'reload config';
