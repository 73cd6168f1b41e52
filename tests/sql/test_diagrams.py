"""`docs/database.md`: its diagrams are those of the database."""

import re
from pathlib import Path

from psycopg import Connection


PAGE = (Path(__file__).parents[2] / "docs/database.md").read_text()
_TABLE = re.compile(r"^  (\w+) \{\n(.*?)^  \}$", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^    \S+ (\w+)(?: ([A-Z, ]+))?$", re.MULTILINE)
_RELATION = re.compile(r'^  (\w+) (\|\||\|o)--(?:o\||o\{) (\w+) : "(.+)"$', re.MULTILINE)
_CATALOGUE = """
  select t.relname::text, a.attname::text, coalesce(a.attnum = any(p.conkey), false)
  from pg_class as t
  join pg_attribute as a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_constraint as p on p.conrelid = t.oid and p.contype = 'p'
  where t.relkind in ('r', 'p')
    -- The tests add this one.
    and t.relname <> 'test_clock'
    and t.relnamespace::regnamespace::text in ('public', 'private')
"""
_FOREIGN_KEYS = """
  select
    case when t.relnamespace = 'auth'::regnamespace then 'auth_' else '' end || t.relname,
    (
      select bool_and(a.attnotnull) from pg_attribute as a
      where a.attrelid = f.conrelid and a.attnum = any(f.conkey)
    ),
    s.relname::text,
    (
      select string_agg(a.attname, ', ' order by key.place)
      from unnest(f.conkey) with ordinality as key (attnum, place)
      join pg_attribute as a on a.attrelid = f.conrelid and a.attnum = key.attnum
    )
  from pg_constraint as f
  join pg_class as s on s.oid = f.conrelid
  join pg_class as t on t.oid = f.confrelid
  where f.contype = 'f' and s.relnamespace::regnamespace::text in ('public', 'private')
"""


def test_each_column_is_in_a_diagram(owner: Connection) -> None:
    """The diagrams have each table, column and primary key, and no other."""
    drawn = {
        (table, column, "PK" in keys)
        for table, columns in _TABLE.findall(PAGE)
        for column, keys in _COLUMN.findall(columns)
    }

    assert set(owner.execute(_CATALOGUE).fetchall()) == drawn


def test_each_foreign_key_is_a_line(owner: Connection) -> None:
    """A line says which table refers to which, by which columns, and whether it must."""
    drawn = {
        (target, bar == "||", table, columns)
        for target, bar, table, columns in _RELATION.findall(PAGE)
    }

    assert set(owner.execute(_FOREIGN_KEYS).fetchall()) == drawn
