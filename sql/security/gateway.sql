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
