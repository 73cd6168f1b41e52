"""The tables and views of the exposed schemas, with keys and representations of domains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


Row = tuple[Any, ...]
#: A schema and a name in it.
Name = tuple[str, str]

#: pg_get_expr locks the relation in its second argument. A default names no column, so it needs
#: none. A domain over a domain stores the default that it inherits.
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
    -- Clients reach a partition through its parent only, whose policies it does not have itself.
    n.nspname = any ($1) and not c.relispartition
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname !~ '^pg_(toast|temp)'
  order by n.nspname, c.relname
"""

#: Each domain with its base type, which may itself be a domain.
DOMAINS = """
  select format_type(oid, null), format_type(typbasetype, null) from pg_type where typtype = 'd'
"""

#: The casts that represent a domain in requests and responses: source, target and function.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column; `default` is the SQL of its default value."""

    name: str
    type: str
    #: The type itself, or the base type of a domain.
    base_type: str
    default: str | None
    #: Functions of a domain's representations: for responses, for bodies and for filters.
    to_json: str | None = None
    from_json: str | None = None
    from_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relation:
    """A table or a view of the database."""

    schema: str
    name: str
    is_view: bool
    columns: Mapping[str, TableColumn]
    primary_key: tuple[str, ...]

    @property
    def has_representations(self) -> bool:
        """Return true if a response shows some column by the function of its domain."""
        return any(column.to_json for column in self.columns.values())


def relation(row: Row, domains: Mapping[str, str], casts: Sequence[Row]) -> Relation:
    """Return the relation of a row of `RELATIONS`, with the domains and casts of the database."""
    functions = {(source, target): function for source, target, function in casts}
    _, schema, name, is_view, columns, primary_key, _ = row
    return Relation(
        schema=schema,
        name=name,
        is_view=is_view,
        columns={
            column: TableColumn(
                name=column,
                type=kind,
                base_type=_base(kind, domains),
                default=default,
                to_json=functions.get((kind, "json")),
                from_json=functions.get(("json", kind)),
                from_text=functions.get(("text", kind)),
            )
            for column, kind, default in columns
        },
        primary_key=tuple(primary_key),
    )


def _base(kind: str, domains: Mapping[str, str]) -> str:
    """Return the base type of a domain, which is no domain itself."""
    while kind in domains:
        kind = domains[kind]
    return kind
