create schema private;
comment on schema private is 'Internal tables and functions. The gateway exposes only schema public to HTTP clients.';
grant usage on schema private to anon, authenticated, service_role;

-- Supabase grants every API role all rights on new public objects. We grant rights per object.
alter default privileges in schema public
revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public
revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public
revoke all on functions from anon, authenticated, service_role;
-- Postgres lets everybody execute a new function. Only the form without a schema revokes that.
alter default privileges revoke execute on functions from public;
