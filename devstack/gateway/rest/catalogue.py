"""The questions that the schema cache asks Postgres's catalogue.

They are asked under an empty search path, so that every name in the answers is qualified.
"""

RELATIONS = """
  select
    c.oid::int8, n.nspname, c.relname, c.relkind in ('v', 'm'),
    (
      select coalesce(json_agg(json_build_array(
        a.attname,
        format_type(a.atttypid, a.atttypmod),
        case
          when a.attidentity <> '' then format(
            'nextval(%L)', pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname)
          )
          when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid)
        end
      ) order by a.attnum), '[]')
      from pg_attribute as a
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
    n.nspname = any ($1),
    pg_relation_is_updatable(c.oid, true)
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname !~ '^pg_(toast|temp)'
  order by n.nspname, c.relname
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

VIEW_DEFINITIONS = """
  select c.oid::int8, rtrim(pg_get_viewdef(c.oid), '; ')
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
"""

ATTRIBUTES = """
  select a.attrelid::int8, a.attnum, a.attname
  from pg_attribute as a
  join pg_class as c on c.oid = a.attrelid
  join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
    and n.nspname not in ('pg_catalog', 'information_schema')
"""

FUNCTIONS = """
  select
    n.nspname, p.proname,
    (
      select coalesce(json_agg(json_build_array(
        coalesce(p.proargnames[arg.position], ''), format_type(arg.type, null), coalesce(
          p.proargmodes[arg.position], 'i'
        )
      ) order by arg.position), '[]')
      from unnest(coalesce(p.proallargtypes, p.proargtypes)) with ordinality
      as arg (type, position)
    ),
    p.pronargdefaults,
    case
      when p.prorettype = 'void'::regtype then 'void'
      -- Whoever names what comes out wants it by that name.
      when t.typtype = 'c' or p.proargmodes && '{t,b,o}' then 'composite'
      else 'scalar'
    end,
    p.proretset, json_build_array(rn.nspname, r.relname), p.provolatile <> 'v',
    coalesce(p.proconfig, '{}'), p.prorows, json_build_array(an.nspname, ac.relname)
  from pg_proc as p
  join pg_namespace as n on n.oid = p.pronamespace
  join pg_type as t on t.oid = p.prorettype
  left join pg_class as r on r.oid = t.typrelid and r.relkind <> 'c'
  left join pg_namespace as rn on rn.oid = r.relnamespace
  left join pg_type as at on p.pronargs = 1 and at.oid = p.proargtypes[0]
  left join pg_class as ac on ac.oid = at.typrelid
  left join pg_namespace as an on an.oid = ac.relnamespace
  where n.nspname = any ($1) and p.prokind = 'f'
    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
  order by n.nspname, p.proname, p.oid
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
