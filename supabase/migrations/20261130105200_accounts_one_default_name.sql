set lock_timeout = '2s';
set statement_timeout = '30s';

-- A user may insert the own profile without a name, and then calls the default.
grant execute on function private.default_name to authenticated;

alter table public.users alter column display_name set default private.default_name();
