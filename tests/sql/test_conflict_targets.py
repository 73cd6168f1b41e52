"""Every `on conflict` names a unique key that exists.

PL/pgSQL plans a statement when it first runs, so a wrong target would fail only then.
"""

import re
from pathlib import Path

import pytest
from psycopg import Connection


SQL = Path(__file__).parents[2] / "sql"
UPSERT = re.compile(
    r"insert into ([a-z_]+\.[a-z_]+)(?:(?!insert into|\$\$).)*?on conflict \(([a-z_, ]+)\)",
    re.DOTALL,
)


def targets() -> list[tuple[str, str]]:
    """Return each table with the columns of a conflict target, as the sources have them."""
    found = {
        (table, columns)
        for file in SQL.rglob("*.sql")
        for table, columns in UPSERT.findall(file.read_text())
    }
    return sorted(found)


def test_there_are_targets() -> None:
    """The pattern finds the known upserts."""
    tables = {table for table, _ in targets()}

    assert {"public.shipments", "private.pickups", "public.notifications"} <= tables


@pytest.mark.parametrize(("table", "columns"), targets())
def test_target_is_a_unique_key(owner: Connection, table: str, columns: str) -> None:
    """Each conflict target has a unique index with exactly its columns (A12)."""
    query = """
      select array_agg(a.attname::text order by a.attname) from pg_catalog.pg_index as i
        cross join unnest(i.indkey) as k (attnum)
        join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = %s::regclass and i.indisunique
      group by i.indexrelid
    """
    keys = [key for (key,) in owner.execute(query, [table])]

    assert sorted(column.strip() for column in columns.split(",")) in keys
