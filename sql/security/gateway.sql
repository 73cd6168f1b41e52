-- PostgREST reads these settings of its login role; hosted Supabase lets role postgres set them.
-- pg_dump omits them, so run this file again after a restore into another database.
do $$
declare
  v_setting record;
begin
  for v_setting in
    select * from (values
      -- A caller that can undo a bid learns the reserve and the leader's maximum from its receipt.
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
