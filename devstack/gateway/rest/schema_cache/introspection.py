"""Reads a `SchemaCache` from the database."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import AsyncRawCursor

from devstack.gateway.context import Connection
from devstack.gateway.rest.configuration import Configuration, read_configuration
from devstack.gateway.rest.schema_cache import catalogue
from devstack.gateway.rest.schema_cache.cache import (
    ColumnInfo,
    Function,
    Parameter,
    Relation,
    Relationship,
    SchemaCache,
)
from devstack.gateway.rest.schema_cache.relationships import (
    ForeignKey,
    ViewColumn,
    Ways,
    relationships,
    with_view_keys,
)
from devstack.gateway.rest.schema_cache.views import origins
from devstack.gateway.text import qualified


#: Settings of a function that have to hold before it is called.
HOISTED_SETTINGS = frozenset(("statement_timeout", "default_transaction_isolation"))
INPUT_MODES = frozenset("ibv")

Row = tuple[Any, ...]
Name = tuple[str, str]


async def read_schema(connection: Connection, given: Configuration) -> SchemaCache:
    """Read what the exposed schemas hold, as a superuser, who sees all of it."""
    async with connection.transaction():
        await connection.execute("select set_config('search_path', '', true)")
        configuration = await read_configuration(connection, given)
        schemas = [list(configuration.schemas)]
        tables = await _rows(connection, catalogue.RELATIONS, schemas)
        domains: dict[str, str] = dict(await _rows(connection, catalogue.DOMAINS))
        casts = await _rows(connection, catalogue.REPRESENTATIONS)
        keys = await _rows(connection, catalogue.FOREIGN_KEYS)
        functions = await _rows(connection, catalogue.FUNCTIONS, schemas)
        settings = await _rows(connection, catalogue.ROLE_SETTINGS)
        view_columns = await _view_columns(connection, configuration)
    all_relations = with_view_keys(
        {row[0]: _relation(row, domains, casts) for row in tables}, view_columns
    )
    exposed = {row[0]: all_relations[row[0]] for row in tables if row[6]}
    by_name = {(item.schema, item.name): item for item in exposed.values()}
    ways = relationships(exposed, [ForeignKey(*row) for row in keys], view_columns)
    _add_computed(ways, functions, by_name)
    return SchemaCache(
        configuration=configuration,
        relations=by_name,
        relationships={name: tuple(found) for name, found in ways.items()},
        functions=_functions(functions),
        role_settings=_role_settings(settings),
    )


async def _rows(
    connection: Connection, query: LiteralString, given: Sequence[Any] = ()
) -> list[Row]:
    cursor = AsyncRawCursor(connection)
    await cursor.execute(query, given)
    return await cursor.fetchall()


async def _view_columns(connection: Connection, configuration: Configuration) -> list[ViewColumn]:
    """Return which column of which relation each column of a view is."""
    names = {(row[0], row[1]): row[2] for row in await _rows(connection, catalogue.ATTRIBUTES)}
    searched = [[*configuration.schemas, *configuration.extra_search_path]]
    return [
        ViewColumn(view, names[view, position], source, names[source, attribute])
        for view, query in await _rows(connection, catalogue.VIEW_QUERIES, searched)
        for position, source, attribute in origins(query)
        if (view, position) in names and (source, attribute) in names
    ]


def _relation(row: Row, domains: Mapping[str, str], casts: Sequence[Row]) -> Relation:
    functions = {(source, target): function for source, target, function in casts}
    _, schema, name, is_view, columns, primary_key, _ = row
    return Relation(
        schema=schema,
        name=name,
        is_view=is_view,
        columns={
            column: ColumnInfo(
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
    """Return the type below all domains."""
    while kind in domains:
        kind = domains[kind]
    return kind


def _functions(rows: Sequence[Row]) -> dict[Name, tuple[Function, ...]]:
    grouped: dict[Name, list[Function]] = defaultdict(list)
    for row in rows:
        grouped[row[0], row[1]].append(_function(row))
    return {name: tuple(sorted(found, key=_rank)) for name, found in grouped.items()}


def _rank(function: Function) -> tuple[int, list[tuple[str, str]]]:
    """Return the place among the functions of a name: those with fewer arguments come first."""
    return len(function.parameters), [(item.name, item.type) for item in function.parameters]


def _function(row: Row) -> Function:
    schema, name, arguments, default_count, kind, is_set, returns, is_read_only, config, *_ = row
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
    )


def _role_settings(rows: Sequence[Row]) -> dict[str, tuple[tuple[str, str], ...]]:
    settings: dict[str, dict[str, str]] = defaultdict(dict)
    for role, name, value in rows:
        settings[role][name] = value
    return {role: tuple(found.items()) for role, found in settings.items()}


def _add_computed(ways: Ways, functions: Sequence[Row], relations: Mapping[Name, Relation]) -> None:
    """Add the functions that take a row of one relation and return rows of another."""
    for row in functions:
        schema, name, is_set, returns, row_estimate, argument = (
            *row[:2], row[5], row[6], row[9], row[10],
        )  # fmt: skip
        origin, target = relations.get(tuple(argument)), relations.get(tuple(returns))
        if origin is None or target is None:
            continue
        ways.setdefault((origin.schema, origin.name), []).append(
            Relationship(
                origin=origin,
                target=target,
                cardinality="one-to-many" if is_set and row_estimate != 1 else "many-to-one",
                constraint=name,
                function=qualified(schema, name),
            )
        )
