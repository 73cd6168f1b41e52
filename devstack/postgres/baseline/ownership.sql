-- On hosted Supabase the extension supautils lets postgres manage policies and triggers on tables
-- that it does not own. Here postgres inherits the owners' rights, and event triggers of the
-- superuser refuse every other change of Supabase's objects.
do $$
begin
  execute 'grant supabase_auth_admin, supabase_realtime_admin, supabase_storage_admin to postgres'
    -- It inherits their rights, but cannot assume their roles. Postgres 15 has no such option.
    || case
      when current_setting('server_version_num')::int >= 160000 then ' with inherit true, set false'
      else ''
    end;
end $$;

-- The superuser owns this schema. postgres owns `extensions`, so it could drop a function there.
create schema devstack;
grant usage on schema devstack to public;

-- A session of the superuser or of an owner may change everything, unless its role is postgres.
create function devstack.may_change_anything() returns boolean language plpgsql stable
set search_path = '' as $$
begin
  return current_user <> 'postgres' and exists (
    select from pg_catalog.pg_roles as r
    where
      r.rolname = session_user
      and (r.rolsuper or r.rolname ~ '^supabase_(auth|realtime|storage)_admin$')
  );
end
$$;

create function devstack.refuse(p_object text) returns void language plpgsql
set search_path = '' as $$
begin
  raise insufficient_privilege using
    message = format('must be owner of %s', p_object),
    hint = 'On tables of auth, realtime and storage postgres may create, alter and drop policies'
      || ' and triggers, and refer to them. Hosted Supabase refuses everything else too.';
end
$$;

-- GRANT, REVOKE and similar commands do not report the objects that they change, so the owners and
-- grants before and after a command are compared.
create function devstack.owners_and_grants() returns text language plpgsql stable
set search_path = '' as $$
declare
  v_entries text;
begin
  -- Every object depends on its schema, and pg_depend has an index on that.
  with schemas as materialized (
    select s.oid, s.nspowner, s.nspacl
    from pg_catalog.pg_namespace as s where s.nspname in ('auth', 'realtime', 'storage')
  ),

  members as materialized (
    select d.classid, d.objid
    from schemas as s
      inner join pg_catalog.pg_depend as d
        on d.refclassid = 'pg_catalog.pg_namespace'::regclass and s.oid = d.refobjid
  )

  select string_agg(entries.entry, ';' order by entries.entry) into v_entries
  from (
    select concat_ws(' ', s.oid, s.nspowner, s.nspacl) from schemas as s
    union all
    select concat_ws(
      ' ', c.oid, c.relowner, c.relacl,
      (
        select string_agg(concat_ws(' ', a.attnum, a.attacl), ',' order by a.attnum)
        from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attacl is not null
      )
    )
    from members as m inner join pg_catalog.pg_class as c on m.objid = c.oid
    where m.classid = 'pg_catalog.pg_class'::regclass
    union all
    select concat_ws(' ', p.oid, p.proowner, p.proacl)
    from members as m inner join pg_catalog.pg_proc as p on m.objid = p.oid
    where m.classid = 'pg_catalog.pg_proc'::regclass
    union all
    select concat_ws(' ', t.oid, t.typowner, t.typacl)
    from members as m inner join pg_catalog.pg_type as t on m.objid = t.oid
    where m.classid = 'pg_catalog.pg_type'::regclass
    union all
    select concat_ws(' ', a.defaclrole, a.defaclnamespace, a.defaclobjtype, a.defaclacl)
    from pg_catalog.pg_default_acl as a
    where a.defaclrole::regrole::text ~ '^supabase_(auth|realtime|storage)_admin$'
  ) as entries (entry);
  return md5(v_entries);
end
$$;

create function devstack.remember_grants() returns event_trigger language plpgsql
set search_path = '' as $$
begin
  -- The setting ends with the transaction. An earlier command of the transaction has updated it.
  if coalesce(current_setting('devstack.grants', true), '') = '' then
    perform set_config('devstack.grants', devstack.owners_and_grants(), true);
  end if;
end
$$;

create function devstack.guard_grants() returns event_trigger language plpgsql
set search_path = '' as $$
declare
  v_grants text := devstack.owners_and_grants();
begin
  if current_setting('devstack.grants') <> v_grants and not devstack.may_change_anything() then
    perform devstack.refuse('what this ' || tg_tag || ' changes in auth, realtime or storage');
  end if;
  perform set_config('devstack.grants', v_grants, true);
end
$$;

-- An object is Supabase's by its schema, or by its owner if it was moved to another schema.
create function devstack.is_supabases(
  p_class oid, p_object oid, p_type text, p_schema text, p_identity text
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_schema in ('auth', 'realtime', 'storage')
    or p_type = 'schema' and p_identity in ('auth', 'realtime', 'storage')
    or exists (
      select from pg_catalog.pg_shdepend as d
      where
        d.dbid = (select b.oid from pg_catalog.pg_database as b where b.datname = current_database())
        and d.classid = p_class and d.objid = p_object and d.deptype = 'o'
        and d.refobjid::regrole::text ~ '^supabase_(auth|realtime|storage)_admin$'
    );
end
$$;

-- An object is also Supabase's if it depends on a table of Supabase: a rule, statistics, a comment
-- on a policy, a published table, a table that inherits.
create function devstack.depends_on_supabases(p_class oid, p_object oid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from (
      select d.refobjid from pg_catalog.pg_depend as d
      where
        d.classid = p_class and d.objid = p_object
        and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
      union all
      select i.inhparent from pg_catalog.pg_inherits as i
      where i.inhrelid = p_object and p_class = 'pg_catalog.pg_class'::regclass
      union all
      select p.prrelid from pg_catalog.pg_publication_rel as p
      where p.prpubid = p_object and p_class = 'pg_catalog.pg_publication'::regclass
    ) as tables (id)
      inner join pg_catalog.pg_class as t on tables.id = t.oid
      inner join pg_catalog.pg_namespace as s on t.relnamespace = s.oid
    where s.nspname in ('auth', 'realtime', 'storage')
  );
end
$$;

create function devstack.guard_objects() returns event_trigger language plpgsql
set search_path = '' as $$
declare
  v_command record;
begin
  if
    tg_tag in ('CREATE POLICY', 'ALTER POLICY', 'CREATE TRIGGER')
    or devstack.may_change_anything()
  then
    return;
  end if;
  for v_command in select * from pg_catalog.pg_event_trigger_ddl_commands()
  loop
    if
      devstack.is_supabases(
        v_command.classid, v_command.objid, v_command.object_type,
        v_command.schema_name, v_command.object_identity
      )
      or devstack.depends_on_supabases(v_command.classid, v_command.objid)
    then
      perform devstack.refuse(concat_ws(' ', v_command.object_type, v_command.object_identity));
    end if;
  end loop;
end
$$;

create function devstack.guard_drops() returns event_trigger language plpgsql
set search_path = '' as $$
declare
  v_object text;
begin
  if tg_tag in ('DROP POLICY', 'DROP TRIGGER') or devstack.may_change_anything() then
    return;
  end if;
  select concat_ws(' ', d.object_type, d.object_identity) into v_object
  from pg_catalog.pg_event_trigger_dropped_objects() as d
  where
    -- `drop function … cascade` on a function of ours may drop policies and triggers.
    d.schema_name in ('auth', 'realtime', 'storage') and d.object_type not in ('policy', 'trigger')
    or d.object_type = 'schema' and d.object_name in ('auth', 'realtime', 'storage')
    or d.object_type = 'rule' and d.original and d.object_identity ~ ' on (auth|realtime|storage)\.';
  if found then
    perform devstack.refuse(v_object);
  end if;
end
$$;

create event trigger devstack_remember_grants on ddl_command_start
when tag in ('GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'DROP OWNED')
execute function devstack.remember_grants();
create event trigger devstack_guard_grants on ddl_command_end
when tag in ('GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'DROP OWNED')
execute function devstack.guard_grants();
create event trigger devstack_guard_objects on ddl_command_end
execute function devstack.guard_objects();
create event trigger devstack_guard_drops on sql_drop
execute function devstack.guard_drops();
