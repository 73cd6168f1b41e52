-- The baseline: the objects of hosted Supabase before our first migration. supabase_admin, the
-- superuser, runs it in one transaction in a new database. The databases of a cluster share roles,
-- so the roles may exist already.
do $$
declare
  v_role record;
begin
  for v_role in
    select * from (values
      ('anon', 'nologin noinherit'),
      ('authenticated', 'nologin noinherit'),
      ('service_role', 'nologin noinherit bypassrls'),
      ('authenticator', 'login noinherit'),
      ('dashboard_user', 'nologin createdb createrole replication'),
      ('supabase_auth_admin', 'login noinherit createrole'),
      ('supabase_storage_admin', 'login noinherit createrole'),
      ('supabase_realtime_admin', 'login noinherit'),
      ('supabase_replication_admin', 'login replication'),
      ('supabase_read_only_user', 'login bypassrls'),
      ('postgres', 'login nosuperuser createdb createrole bypassrls replication')
    ) as role (name, attributes)
  loop
    if not exists (select from pg_roles where rolname = v_role.name) then
      execute format('create role %I %s', v_role.name, v_role.attributes);
    end if;
  end loop;
end $$;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, authenticator to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
grant pg_read_all_data to supabase_read_only_user;
-- Storage and Realtime assume the role of their caller.
grant anon, authenticated, service_role to supabase_storage_admin, supabase_realtime_admin;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role supabase_auth_admin set search_path = 'auth';
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60s';
alter role supabase_storage_admin set search_path = 'storage';
alter role postgres set search_path = '"$user"', public, extensions;

do $$
begin
  execute format('alter database %I owner to postgres', current_database());
  execute format(
    'alter database %I set search_path = "$user", public, extensions', current_database()
  );
end $$;

-- PostgREST reads its configuration from settings of authenticator. On hosted Supabase an extension
-- lets postgres set these, and no other settings with an unknown prefix.
do $$
declare
  v_name text;
begin
  foreach v_name in array array[
    'client_error_verbosity', 'db_aggregates_enabled', 'db_anon_role', 'db_extra_search_path',
    'db_hoisted_tx_settings', 'db_max_rows', 'db_plan_enabled', 'db_pre_config', 'db_pre_request',
    'db_prepared_statements', 'db_root_spec', 'db_schemas', 'db_timezone_enabled', 'db_tx_end',
    'jwt_aud', 'jwt_cache_max_entries', 'jwt_cache_max_lifetime', 'jwt_role_claim_key',
    'jwt_secret', 'jwt_secret_is_base64', 'openapi_mode', 'openapi_security_active',
    'openapi_server_proxy_uri', 'server_cors_allowed_origins', 'server_timing_enabled',
    'server_trace_header'
  ] loop
    execute format('grant set on parameter pgrst.%I to postgres', v_name);
  end loop;
end $$;

-- Extensions. postgres owns the schema, and may create trusted extensions there.
create schema extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role, dashboard_user;
do $$
declare
  v_name text;
begin
  for v_name in
    select a.name from pg_available_extensions as a
    where
      a.name in ('pgcrypto', 'uuid-ossp')
      or a.name = 'pg_stat_statements'
      and current_setting('shared_preload_libraries') like '%pg_stat_statements%'
  loop
    execute format('create extension %I schema extensions', v_name);
  end loop;
end $$;

-- New objects of postgres and supabase_admin in public are granted to all roles, until a migration
-- revokes that.
grant usage on schema public to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
grant all on sequences to postgres, anon, authenticated, service_role;

-- The Supabase CLI records applied migrations here.
create schema supabase_migrations authorization postgres;
set role postgres;
create table supabase_migrations.schema_migrations (
  version text not null,
  statements text [],
  name text,
  constraint schema_migrations_pkey primary key (version)
);
reset role;
