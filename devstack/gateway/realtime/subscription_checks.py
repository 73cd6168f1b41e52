"""Checks a channel's bindings against the database before they are subscribed to.

A binding that passes can be judged later with those of others in one statement, so nothing may get
by here that would make Postgres refuse it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from devstack.gateway.context import Connection
from devstack.gateway.realtime.database import SEARCH_PATH, borrowed
from devstack.gateway.realtime.evaluation import comparison
from devstack.gateway.realtime.filters import Condition
from devstack.gateway.realtime.frames import dump
from devstack.gateway.realtime.subscriptions import (
    ANY,
    Binding,
    BindingError,
    Listener,
    Subscription,
    read_binding,
)
from devstack.gateway.realtime.tables import Table, TableColumn, read_table
from devstack.gateway.realtime.wal import PUBLICATION


NOT_PUBLISHED = (
    "Unable to subscribe to changes with given parameters. Please check Realtime is enabled"
    " for the given connect parameters: [{}]"
)
NOT_POSSIBLE = (
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
#: These compare as text, whatever the column's type.
TEXT_OPERATORS = ("like", "ilike", "match", "imatch")


class _ColumnError(Exception):
    """A column that cannot be chosen or compared; the text says why."""


async def admit(
    pool: AsyncConnectionPool[Connection],
    listener: Listener,
    params: Sequence[Mapping[str, Any]],
) -> Subscription:
    """Return the subscription that the parameters of a join stand for. Raises: BindingError."""

    async def check(connection: Connection) -> Subscription:
        async with connection.transaction():
            await connection.execute("select set_config('search_path', %s, true)", [SEARCH_PATH])
            # Taken first: what commits while we check is news.
            cursor = await connection.execute(POSITION)
            [(since_lsn,)] = await cursor.fetchall()
            role = listener.identity.role
            bindings = [await _admit(connection, role, entry) for entry in params]
        return Subscription(listener=listener, bindings=tuple(bindings), since_lsn=since_lsn)

    return await borrowed(pool, check)


async def _admit(connection: Connection, role: str, params: Mapping[str, Any]) -> Binding:
    binding = read_binding(params)
    try:
        await _check_publication(connection, binding)
        if binding.conditions or binding.select:
            await _check_columns(connection, role, binding)
    except (_ColumnError, UnicodeEncodeError, psycopg.DataError, psycopg.ProgrammingError) as error:
        problem = str(error).partition("\n")[0]
        raise BindingError(NOT_POSSIBLE.format(_described(binding), problem)) from error
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
        _readable(table, name, role, "select")
    for condition in binding.conditions:
        column = _readable(table, condition.column, role, "filter")
        await _check_condition(connection, column, condition)


def _readable(table: Table, name: str, role: str, purpose: str) -> TableColumn:
    column = table.columns.get(name)
    if column is None or role not in column.readers:
        raise _ColumnError(f"invalid column for {purpose} {name}")
    return column


async def _check_condition(
    connection: Connection, column: TableColumn, condition: Condition
) -> None:
    """Have Postgres find the operator, read each value and, for patterns, match it once."""
    cast_type = sql.SQL(column.cast_type)
    is_text = condition.operator in TEXT_OPERATORS
    nothing = sql.SQL("''" if is_text else "null")
    outputs: Sequence[sql.Composable] = [comparison(condition.operator, nothing, cast_type)]
    if not is_text:
        # Nothing compared with null would be null, and its value never looked at.
        outputs = [*outputs, sql.SQL("value::{}").format(cast_type)]
    query = sql.SQL("select {} from unnest(%s::text[]) as v (value)").format(
        sql.SQL(", ").join(outputs)
    )
    await connection.execute(query, [list(condition.values)])


def _described(binding: Binding) -> str:
    """Spell a binding as Realtime's own language does, in which the texts come."""
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
