"""Compare all rows of the database before and after calls that must change nothing."""

from collections.abc import Collection, Mapping

import psycopg
from psycopg import sql


#: A refused call counts towards its limit, wherever the limit is checked before the rule.
COUNTERS = ("private.rate_limits",)
_TABLES = """
  select n.nspname, c.relname from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname in ('public', 'private', 'auth', 'storage')
  order by 1, 2
"""
_ONE = (
    "select {name}, count(*) || ':' || coalesce(sum(hashtextextended(row::text, 0)), 0)"
    " from {table} as row"
)


class Rows:
    """A digest of every table that requests could change."""

    def __init__(self, admin: psycopg.Connection) -> None:
        self._admin = admin
        self._query = sql.SQL(" union all ").join(
            sql.SQL(_ONE).format(
                name=sql.Literal(f"{schema}.{table}"), table=sql.Identifier(schema, table)
            )
            for schema, table in admin.execute(_TABLES).fetchall()
        )

    def digests(self) -> Mapping[str, str]:
        """Return the digest of each table, by its name."""
        return dict(self._admin.execute(self._query).fetchall())


def changed(
    before: Mapping[str, str], after: Mapping[str, str], *, but: Collection[str] = ()
) -> list[str]:
    """Return the tables whose digest differs, except those in `but`."""
    return [name for name in before if before[name] != after[name] and name not in but]
