"""Subscriptions to Postgres Changes: the bindings of each channel, checked by the database.

The change feed evaluates the bindings of many channels in one statement. So the check refuses each
binding that would make Postgres raise an error there.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from devstack.gateway.context import Connection
from devstack.gateway.realtime.caller import RealtimeCaller
from devstack.gateway.realtime.database import SEARCH_PATH, run_in_pool
from devstack.gateway.realtime.evaluation import comparison_sql
from devstack.gateway.realtime.filters import Condition, FilterError, parse_filter
from devstack.gateway.realtime.frames import Message, dump
from devstack.gateway.realtime.pgoutput import Action, Change
from devstack.gateway.realtime.pubsub import Topic
from devstack.gateway.realtime.replication import PUBLICATION
from devstack.gateway.realtime.tables import Table, TableColumn, read_table


ANY = "*"
DEFAULT_SCHEMA = "public"
TABLE_PARAMETERS = ("schema", "table")

NO_TABLE = (
    "No subscription params provided."
    " Please provide at least a `schema` or `table` to subscribe to: {}"
)
NOT_A_LIST = (
    "Error parsing `select` params: expected a list of column name strings,"
    ' e.g. select: ["col1", "col2"]'
)
NO_COLUMNS = (
    "Column selection is not supported for wildcard subscriptions."
    " Provide an explicit schema and table name."
)
NOT_PUBLISHED = (
    "Unable to subscribe to changes with given parameters. Please check Realtime is enabled"
    " for the given connect parameters: [{}]"
)
NOT_VALID = (
    "Unable to subscribe to changes with given parameters. An exception happened so please check"
    " your connect parameters: [{}]. Exception: {}"
)
IS_PUBLISHED = """
select exists (
  select from pg_publication_tables
  where pubname = %s
    and schemaname = coalesce(%s, schemaname)
    and tablename = coalesce(%s, tablename)
)
"""
POSITION = "select (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint"
#: These operators compare a column of any type as text.
TEXT_OPERATORS = ("like", "ilike", "match", "imatch")


class BindingError(ValueError):
    """A binding that Realtime refuses; the text is its message for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One `postgres_changes` entry of a join; None stands for any action, schema or table."""

    id: int
    action: Action | None
    schema: str | None
    table: str | None
    conditions: tuple[Condition, ...]
    select: tuple[str, ...] | None

    def covers(self, change: Change) -> bool:
        """Return true if the change has the binding's action and table; filters are not tested."""
        relation = change.relation
        return (
            self.action in (None, change.action)
            and self.schema in (None, relation.schema)
            and self.table in (None, relation.table)
        )


class Listener(Protocol):
    """The channel that gets a subscription's changes."""

    topic: Topic
    caller: RealtimeCaller

    def send(self, message: Message) -> None:
        """Queue a message without waiting."""

    def report(self, extension: str, message: str, *, is_ok: bool = True) -> None:
        """Send the client the state of its subscription."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """The bindings of one channel, which gets the changes that committed from `since_lsn` on."""

    listener: Listener
    bindings: tuple[Binding, ...]
    since_lsn: int

    def bindings_for(self, change: Change) -> list[Binding]:
        """Return the bindings whose action and table the change has."""
        if change.commit_lsn < self.since_lsn:
            return []
        return [binding for binding in self.bindings if binding.covers(change)]


class Subscriptions:
    """The current subscriptions of all channels."""

    def __init__(self) -> None:
        self._by_listener: dict[int, Subscription] = {}

    def __iter__(self) -> Iterator[Subscription]:
        return iter(list(self._by_listener.values()))

    def put(self, subscription: Subscription) -> None:
        """Add a channel's subscription, in place of an older one."""
        self._by_listener[id(subscription.listener)] = subscription

    def remove(self, listener: Listener) -> None:
        """Remove a channel's subscription, if it has one."""
        self._by_listener.pop(id(listener), None)


def binding_id(params: Mapping[str, Any]) -> int:
    """Return the number by which a client knows a binding.

    Equal parameters have equal numbers, and no number is 0.
    """
    return zlib.crc32(dump(sorted(params.items())).encode()) % (2**31 - 1) + 1


def read_binding(params: Mapping[str, Any]) -> Binding:
    """Read one entry of a join's `postgres_changes`. Raises: BindingError."""
    schema, table = _table_names(params)
    select = _select(params.get("select"))
    if select is not None and ANY in (schema, table):
        raise BindingError(NO_COLUMNS)
    try:
        conditions = parse_filter(params.get("filter") or "")
    except FilterError as error:
        raise BindingError(f"Error parsing `filter` params: {error}") from error
    return Binding(
        id=binding_id(params),
        action=_action(params.get("event")),
        schema=None if schema == ANY else schema,
        table=None if table == ANY else table,
        conditions=conditions,
        select=select,
    )


async def check_subscription(
    pool: AsyncConnectionPool[Connection],
    listener: Listener,
    params: Sequence[Mapping[str, Any]],
) -> Subscription:
    """Return the subscription with the bindings of a join. Raises: BindingError."""

    async def check(connection: Connection) -> Subscription:
        async with connection.transaction():
            await connection.execute("select set_config('search_path', %s, true)", [SEARCH_PATH])
            # The position is read first, so that the channel gets commits during the check.
            cursor = await connection.execute(POSITION)
            [(since_lsn,)] = await cursor.fetchall()
            role = listener.caller.role
            bindings = [await _check_binding(connection, role, entry) for entry in params]
        return Subscription(listener=listener, bindings=tuple(bindings), since_lsn=since_lsn)

    return await run_in_pool(pool, check)


def _action(event: Any) -> Action | None:
    """Read an event; like hosted Realtime, take an unknown one for any."""
    known = {action.value: action for action in Action}
    return known.get(event.upper()) if isinstance(event, str) else None


def _table_names(params: Mapping[str, Any]) -> tuple[str, str]:
    """Return the schema and the table. One of them is enough, but a filter needs both."""
    named = {
        name: params[name] for name in (*TABLE_PARAMETERS, "filter") if params.get(name) is not None
    }
    is_enough = named.keys() >= set(TABLE_PARAMETERS) if "filter" in named else bool(named)
    if not is_enough or not all(isinstance(value, str) for value in named.values()):
        raise BindingError(NO_TABLE.format(dump(params)))
    return named.get("schema", DEFAULT_SCHEMA), named.get("table", ANY)


def _select(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        raise BindingError(NOT_A_LIST)
    if not isinstance(value, list):
        return None
    return tuple(name for name in value if isinstance(name, str)) or None


class _ColumnError(Exception):
    """A column that cannot be chosen or compared; the text says why."""


async def _check_binding(connection: Connection, role: str, params: Mapping[str, Any]) -> Binding:
    binding = read_binding(params)
    try:
        await _check_publication(connection, binding)
        if binding.conditions or binding.select:
            await _check_columns(connection, role, binding)
    except (_ColumnError, UnicodeEncodeError, psycopg.DataError, psycopg.ProgrammingError) as error:
        problem = str(error).partition("\n")[0]
        raise BindingError(NOT_VALID.format(_described(binding), problem)) from error
    return binding


async def _check_publication(connection: Connection, binding: Binding) -> None:
    cursor = await connection.execute(IS_PUBLISHED, [PUBLICATION, binding.schema, binding.table])
    [(is_published,)] = await cursor.fetchall()
    if not is_published:
        raise BindingError(NOT_PUBLISHED.format(_described(binding)))


async def _check_columns(connection: Connection, role: str, binding: Binding) -> None:
    if binding.schema is None or binding.table is None:
        raise _ColumnError("filter and select need one table")
    table = await read_table(connection, binding.schema, binding.table, role)
    if table is None:
        raise _ColumnError(f"table {binding.table} does not exist")
    for name in binding.select or ():
        _require_readable(table, name, role, "select")
    for condition in binding.conditions:
        column = _require_readable(table, condition.column, role, "filter")
        await _check_condition(connection, column, condition)


def _require_readable(table: Table, name: str, role: str, purpose: str) -> TableColumn:
    column = table.columns.get(name)
    if column is None or role not in column.readers:
        raise _ColumnError(f"invalid column for {purpose} {name}")
    return column


async def _check_condition(
    connection: Connection, column: TableColumn, condition: Condition
) -> None:
    """Make Postgres resolve the operator, read each value and compile each pattern."""
    cast_type = sql.SQL(column.cast_type)
    is_text = condition.operator in TEXT_OPERATORS
    nothing = sql.SQL("''" if is_text else "null")
    outputs: Sequence[sql.Composable] = [comparison_sql(condition.operator, nothing, cast_type)]
    if not is_text:
        # A comparison with null never parses the value, so a cast parses it.
        outputs = [*outputs, sql.SQL("value::{}").format(cast_type)]
    query = sql.SQL("select {} from unnest(%s::text[]) as v (value)").format(
        sql.SQL(", ").join(outputs)
    )
    await connection.execute(query, [list(condition.values)])


def _described(binding: Binding) -> str:
    """Return a binding as hosted Realtime shows it in its messages, in the syntax of Elixir."""
    filters = ", ".join(
        f'{{"{c.column}", "{c.operator}", "{",".join(map(str, c.values))}", {dump(c.is_negated)}}}'
        for c in binding.conditions
    )
    parts = {
        "event": binding.action or ANY,
        "schema": binding.schema or ANY,
        "table": binding.table or ANY,
        "filters": f"[{filters}]",
        "select": "nil" if binding.select is None else dump(binding.select),
    }
    return ", ".join(f"{name}: {value}" for name, value in parts.items())
