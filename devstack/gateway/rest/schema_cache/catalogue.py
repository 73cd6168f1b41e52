"""The questions that the schema cache asks Postgres's catalogue.

They run under an empty search path, so every name in the answers is qualified. None of them locks
a relation of the project: DDL may hold its lock for long, and may wait for a lock of ours.
"""

#: pg_get_expr locks the relation that it is given. A default needs none, for it has no column.
#: A domain over a domain holds the default that it has from there.
RELATIONS = """
  select
    c.oid::int8, n.nspname, c.relname, c.relkind in ('v', 'm'),
    (
      select coalesce(json_agg(json_build_array(
        a.attname,
        format_type(a.atttypid, a.atttypmod),
        case
          when a.attgenerated <> '' then null
          when a.attidentity = 'd' then (
            select format('nextval(%L)', format('%I.%I', sn.nspname, s.relname))
            from pg_depend as own
            join pg_class as s on s.oid = own.objid and s.relkind = 'S'
            join pg_namespace as sn on sn.oid = s.relnamespace
            where own.refobjid = a.attrelid and own.refobjsubid = a.attnum and own.deptype = 'i'
          )
          else pg_get_expr(coalesce(d.adbin, t.typdefaultbin), 0)
        end
      ) order by a.attnum), '[]')
      from pg_attribute as a
      join pg_type as t on t.oid = a.atttypid
      left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ),
    (
      select coalesce(json_agg(a.attname order by key.position), '[]')
      from pg_constraint as k
      cross join unnest(k.conkey) with ordinality as key (attnum, position)
      join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = key.attnum
      where k.conrelid = c.oid and k.contype = 'p'
    ),
    -- A partition is served through its parent alone, whose policies it would not obey.
    n.nspname = any ($1) and not c.relispartition
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname !~ '^pg_(toast|temp)'
  order by n.nspname, c.relname
"""

#: What may be done to a relation's rows, as bits of pg_relation_is_updatable. That function locks.
WRITABLE = """
  select case
    when c.relkind in ('r', 'p') then 28
    when c.relkind = 'm' then 0
    else pg_relation_is_updatable(c.oid, true)
  end
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = %s and c.relname = %s
"""

#: Partitions repeat the keys of their parent; the parent's stand for them.
FOREIGN_KEYS = """
  select
    k.conname, k.conrelid::int8, k.confrelid::int8,
    (
      select json_agg(json_build_array(a.attname, b.attname) order by key.position)
      from unnest(k.conkey, k.confkey) with ordinality as key (own, other, position)
      join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = key.own
      join pg_attribute as b on b.attrelid = k.confrelid and b.attnum = key.other
    ),
    exists (
      select from pg_constraint as u
      where u.conrelid = k.conrelid and u.contype in ('p', 'u')
        and u.conkey @> k.conkey and u.conkey <@ k.conkey
    )
  from pg_constraint as k
  where k.contype = 'f' and k.conparentid = 0
  order by k.conrelid, k.conname
"""

#: The parsed query of each view in the schemas that PostgREST looks into.
VIEW_QUERIES = """
  select c.oid::int8, r.ev_action::text
  from pg_rewrite as r
  join pg_class as c on c.oid = r.ev_class
  join pg_namespace as n on n.oid = c.relnamespace
  where r.rulename = '_RETURN' and c.relkind in ('v', 'm') and n.nspname = any ($1)
"""

ATTRIBUTES = """
  select a.attrelid::int8, a.attnum, a.attname
  from pg_attribute as a
  join pg_class as c on c.oid = a.attrelid
  join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
    and n.nspname not in ('pg_catalog', 'information_schema')
"""

#: PostgREST passes over a function with unnamed arguments, except one that takes a whole body.
FUNCTIONS = """
  with recursive base (type, base) as (
    select oid, oid from pg_type where typtype <> 'd'
    union all
    select d.oid, b.base from pg_type as d join base as b on d.typbasetype = b.type
    where d.typtype = 'd'
  )
  select
    n.nspname, p.proname,
    (
      select coalesce(json_agg(json_build_array(
        coalesce(p.proargnames[arg.position], ''), format_type(arg.type, null), coalesce(
          p.proargmodes[arg.position], 'i'
        ), format_type(case arg.type
          when 'character'::regtype then 'character varying'::regtype
          when 'character[]'::regtype then 'character varying[]'::regtype
          when 'bit'::regtype then 'bit varying'::regtype
          when 'bit[]'::regtype then 'bit varying[]'::regtype
          else arg.type
        end, null)
      ) order by arg.position), '[]')
      from unnest(coalesce(p.proallargtypes, p.proargtypes)) with ordinality
      as arg (type, position)
    ),
    p.pronargdefaults,
    case
      when t.oid = 'void'::regtype then 'void'
      -- The answer has the names of the arguments that come out.
      when t.typtype = 'c' or p.proargmodes && '{t,b,o}' then 'composite'
      else 'scalar'
    end,
    p.proretset, json_build_array(rn.nspname, r.relname), p.provolatile <> 'v',
    coalesce(p.proconfig, '{}'), p.prorows, json_build_array(an.nspname, ac.relname)
  from pg_proc as p
  join pg_namespace as n on n.oid = p.pronamespace
  join base on base.type = p.prorettype
  join pg_type as t on t.oid = base.base
  left join pg_class as r on r.oid = t.typrelid and r.relkind <> 'c'
  left join pg_namespace as rn on rn.oid = r.relnamespace
  left join pg_type as at on p.pronargs = 1 and at.oid = p.proargtypes[0]
  left join pg_class as ac on ac.oid = at.typrelid
  left join pg_namespace as an on an.oid = ac.relnamespace
  where n.nspname = any ($1) and p.prokind = 'f'
    and t.oid not in ('trigger'::regtype, 'event_trigger'::regtype)
    and (p.pronargs = 0 or p.proargnames is not null or p.pronargs = 1 and p.proargtypes[0] in (
      'bytea'::regtype, 'json'::regtype, 'jsonb'::regtype, 'text'::regtype, 'xml'::regtype
    ))
  order by n.nspname, p.proname, p.oid
"""

#: Each domain with the type that it stands on, which may be a domain.
DOMAINS = """
  select format_type(oid, null), format_type(typbasetype, null) from pg_type where typtype = 'd'
"""

#: The casts that change a domain's form in requests and answers: source, target and function.
REPRESENTATIONS = """
  select format_type(s.oid, null), format_type(t.oid, null), c.castfunc::regproc::text
  from pg_cast as c
  join pg_type as s on s.oid = c.castsource
  join pg_type as t on t.oid = c.casttarget
  where c.castcontext = 'i' and c.castmethod = 'f'
    and has_function_privilege('authenticator', c.castfunc, 'execute')
    and (
      s.typtype = 'd' and t.oid = 'json'::regtype
      or t.typtype = 'd' and s.oid in ('json'::regtype, 'text'::regtype)
    )
"""

#: What the roles that requests may take on have set for themselves and may set by themselves.
ROLE_SETTINGS = """
  select r.rolname, split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1)
  from pg_db_role_setting as s
  join pg_roles as r on r.oid = s.setrole
  cross join unnest(s.setconfig) as entry
  left join pg_settings as g on g.name = split_part(entry, '=', 1)
  where pg_has_role('authenticator', r.oid, 'member') and r.rolname <> 'authenticator'
    and coalesce(g.context, 'user') = 'user'
    and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  order by s.setdatabase
"""
