set lock_timeout = '2s';
set statement_timeout = '30s';

do $$
begin
  execute format(
    'alter role authenticator in database %I set pgrst.db_max_rows = %L', current_database(), '1000'
  );
  execute format(
    'alter role authenticator in database %I set random_page_cost = %L', current_database(), '1'
  );
end $$;
notify pgrst, 'reload config';
