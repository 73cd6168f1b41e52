"""Tables in the catalog of Postgres: columns, keys, row security and privileges.

Each batch of changes reads the catalog again, so a new grant or policy takes effect at its commit.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncCursor, sql

from devstack.gateway.context import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column, its type's names in events and in casts, and the roles that may read it."""

    name: str
    type_name: str
    cast_type: str
    is_key: bool
    readers: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table and its columns, by name."""

    name: sql.Composed
    has_row_security: bool
    columns: Mapping[str, TableColumn]

    @property
    def key(self) -> tuple[TableColumn, ...]:
        """Return the columns of the primary key; a table without one has none."""
        return tuple(column for column in self.columns.values() if column.is_key)


QUERY = """
select c.oid, n.nspname, c.relname, c.relrowsecurity,
  a.attname, t.typname, format_type(a.atttypid, null),
  coalesce(a.attnum = any(i.indkey), false),
  array(
    select r.rolname::text from pg_roles as r
    where r.rolname = any(%(roles)s) and has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')
  )
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type as t on t.oid = a.atttypid
left join pg_index as i on i.indrelid = c.oid and i.indisprimary
where {condition}
order by c.oid, a.attnum
"""
BY_OID = sql.SQL(QUERY).format(condition=sql.SQL("c.oid = any(%(oids)s::oid[])"))
BY_NAME = sql.SQL(QUERY).format(
    condition=sql.SQL("n.nspname = %(schema)s and c.relname = %(table)s")
)


async def read_tables(
    connection: Connection, oids: Collection[int], roles: Collection[str]
) -> dict[int, Table]:
    """Return the tables by oid, without those that have been dropped."""
    cursor = await connection.execute(BY_OID, {"oids": list(oids), "roles": list(roles)})
    return await _tables(cursor)


async def read_table(connection: Connection, schema: str, table: str, role: str) -> Table | None:
    """Return one table by name; its columns' readers include `role` only."""
    names = {"schema": schema, "table": table, "roles": [role]}
    tables = await _tables(await connection.execute(BY_NAME, names))
    return next(iter(tables.values()), None)


async def _tables(cursor: AsyncCursor[tuple[Any, ...]]) -> dict[int, Table]:
    tables: dict[int, Table] = {}
    columns: dict[int, dict[str, TableColumn]] = {}
    async for oid, schema, name, has_security, *attribute in cursor:
        if oid not in tables:
            columns[oid] = {}
            tables[oid] = Table(
                name=sql.SQL("{}.{}").format(sql.Identifier(schema), sql.Identifier(name)),
                has_row_security=has_security,
                columns=columns[oid],
            )
        column, type_name, cast_type, is_key, readers = attribute
        columns[oid][column] = TableColumn(
            name=column,
            type_name=type_name,
            cast_type=cast_type,
            is_key=is_key,
            readers=frozenset(readers),
        )
    return tables
