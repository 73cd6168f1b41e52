"""The schema cache, and the introspection that reads it from the catalogue."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, LiteralString

from psycopg import AsyncRawCursor

from devstack.gateway.context import Connection
from devstack.gateway.rest.configuration import Configuration, read_configuration
from devstack.gateway.rest.schema_cache.functions import FUNCTIONS, Function, functions_by_name
from devstack.gateway.rest.schema_cache.relationships import (
    FOREIGN_KEYS,
    ForeignKey,
    Relationship,
    relationships,
)
from devstack.gateway.rest.schema_cache.tables import (
    DOMAINS,
    RELATIONS,
    REPRESENTATIONS,
    Name,
    Relation,
    Row,
    relation,
)
from devstack.gateway.rest.schema_cache.views import (
    ATTRIBUTES,
    VIEW_QUERIES,
    view_columns,
    with_view_keys,
)


#: The settings of the roles that requests may assume, as far as a role may set them itself.
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SchemaCache:
    """One state of the configuration and the exposed schemas. A new state is a new object."""

    configuration: Configuration
    relations: Mapping[Name, Relation]
    relationships: Mapping[Name, tuple[Relationship, ...]]
    functions: Mapping[Name, tuple[Function, ...]]
    role_settings: Mapping[str, tuple[tuple[str, str], ...]]


async def read_schema_cache(connection: Connection, defaults: Configuration) -> SchemaCache:
    """Read the exposed schemas as a superuser, who sees all of them."""
    async with connection.transaction():
        await connection.execute("select set_config('search_path', '', true)")
        configuration = await read_configuration(connection, defaults)
        schemas = [list(configuration.schemas)]
        searched = [[*configuration.schemas, *configuration.extra_search_path]]
        tables = await _rows(connection, RELATIONS, schemas)
        domains: dict[str, str] = dict(await _rows(connection, DOMAINS))
        casts = await _rows(connection, REPRESENTATIONS)
        keys = await _rows(connection, FOREIGN_KEYS)
        functions = functions_by_name(await _rows(connection, FUNCTIONS, schemas))
        settings = await _rows(connection, ROLE_SETTINGS)
        columns = view_columns(
            await _rows(connection, ATTRIBUTES), await _rows(connection, VIEW_QUERIES, searched)
        )
    relations = with_view_keys({row[0]: relation(row, domains, casts) for row in tables}, columns)
    exposed = {row[0]: relations[row[0]] for row in tables if row[6]}
    return SchemaCache(
        configuration=configuration,
        relations={(item.schema, item.name): item for item in exposed.values()},
        relationships=relationships(
            exposed,
            [ForeignKey(*row) for row in keys],
            columns,
            chain.from_iterable(functions.values()),
        ),
        functions=functions,
        role_settings=_role_settings(settings),
    )


async def _rows(
    connection: Connection, query: LiteralString, given: Sequence[Any] = ()
) -> list[Row]:
    cursor = AsyncRawCursor(connection)
    await cursor.execute(query, given)
    return await cursor.fetchall()


def _role_settings(rows: Sequence[Row]) -> dict[str, tuple[tuple[str, str], ...]]:
    settings: dict[str, dict[str, str]] = defaultdict(dict)
    for role, name, value in rows:
        settings[role][name] = value
    return {role: tuple(found.items()) for role, found in settings.items()}
