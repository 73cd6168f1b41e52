create schema private;
comment on schema private is 'What no HTTP client reaches: the gateway exposes schema public alone.';
grant usage on schema private to anon, authenticated, service_role;

-- Supabase grants new public objects to every API role. Here each object grants its own.
alter default privileges in schema public
revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public
revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public
revoke all on functions from anon, authenticated, service_role;
-- Postgres itself grants each function to everyone; only the form without a schema undoes that.
alter default privileges revoke execute on functions from public;
