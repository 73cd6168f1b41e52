"""The functions of the exposed schemas."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from devstack.gateway.rest.schema_cache.tables import Name, Row


#: Settings of a function that PostgREST applies to the transaction, before the call.
HOISTED_SETTINGS = frozenset(("statement_timeout", "default_transaction_isolation"))
INPUT_MODES = frozenset("ibv")

#: PostgREST ignores a function with unnamed arguments, except one that takes a whole body.
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
      -- The keys of the response are the names of the output arguments.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An argument of a function; only the request's body can fill one without a name."""

    name: str
    type: str
    #: The type that a value is read as; `character` or `bit` would cut it to length 1.
    read_type: str
    is_required: bool
    is_variadic: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Function:
    """A function of an exposed schema; `kind` is void, scalar or composite."""

    schema: str
    name: str
    parameters: tuple[Parameter, ...]
    kind: str
    is_set: bool
    #: The relation whose rows it returns, by schema and name.
    returns: Name | None
    is_read_only: bool
    #: The SET clauses that PostgREST applies to the whole call, such as statement_timeout.
    settings: tuple[tuple[str, str], ...]
    #: For a computed relationship: the number of rows that Postgres expects, and the relation
    #: whose row is the argument.
    row_estimate: float
    row_argument: Name | None

    @property
    def signature(self) -> str:
        """Return the function as error messages name it."""
        arguments = ", ".join(f"{item.name} => {item.type}" for item in self.parameters)
        return f"{self.schema}.{self.name}({arguments})"


def functions_by_name(rows: Sequence[Row]) -> dict[Name, tuple[Function, ...]]:
    """Return the functions of the rows of `FUNCTIONS`; of overloads, the shortest comes first."""
    grouped: dict[Name, list[Function]] = defaultdict(list)
    for row in rows:
        grouped[row[0], row[1]].append(_function(row))
    return {name: tuple(sorted(found, key=_rank)) for name, found in grouped.items()}


def _function(row: Row) -> Function:
    schema, name, arguments, default_count, kind, is_set, returns, is_read_only, config = row[:9]
    row_estimate, row_argument = row[9:]
    taken = [argument for argument in arguments if argument[2] in INPUT_MODES]
    required_count = len(taken) - default_count
    settings = [tuple(entry.split("=", 1)) for entry in config]
    return Function(
        schema=schema,
        name=name,
        parameters=tuple(
            Parameter(
                name=argument[0],
                type=argument[1],
                read_type=argument[3],
                is_required=position < required_count,
                is_variadic=argument[2] == "v",
            )
            for position, argument in enumerate(taken)
        ),
        kind=kind,
        is_set=is_set,
        returns=(returns[0], returns[1]) if returns[0] else None,
        is_read_only=is_read_only,
        settings=tuple((key, text) for key, text in settings if key in HOISTED_SETTINGS),
        row_estimate=row_estimate,
        row_argument=(row_argument[0], row_argument[1]) if row_argument[0] else None,
    )


def _rank(function: Function) -> tuple[int, list[tuple[str, str]]]:
    """Return the sort key of an overload."""
    return len(function.parameters), [(item.name, item.type) for item in function.parameters]
