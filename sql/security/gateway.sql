-- PostgREST reads these settings of its login role. Hosted Supabase lets role postgres set them.
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
      ('pgrst.db_pre_request', 'private.check_request')
    ) as setting (name, value)
  loop
    execute format(
      'alter role authenticator in database %I set %s = %L',
      current_database(), v_setting.name, v_setting.value
    );
  end loop;
end $$;
notify pgrst, 'reload config';
