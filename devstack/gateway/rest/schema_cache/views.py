"""The source of each column of a view, read from the parse tree that the catalogue stores.

pg_get_viewdef would return SQL, but it locks every relation that the view reads.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from devstack.gateway.rest.schema_cache.tables import Relation, Row


#: A word, whose special characters are escaped, or a delimiter.
TOKEN = re.compile(r"(?:\\.|[^\\\s(){}])+|[(){}]", re.DOTALL)

#: The parsed query of each view in the exposed schemas and the extra search path.
VIEW_QUERIES = """
  select c.oid::int8, r.ev_action::text
  from pg_rewrite as r
  join pg_class as c on c.oid = r.ev_class
  join pg_namespace as n on n.oid = c.relnamespace
  where r.rulename = '_RETURN' and c.relkind in ('v', 'm') and n.nspname = any ($1)
"""

ATTRIBUTES = """
  select a.attrelid::int8, a.attnum, a.attname
  from pg_attribute as a
  join pg_class as c on c.oid = a.attrelid
  join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
    and n.nspname not in ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column of a view, and the column of the source relation that it shows."""

    view: int
    name: str
    source: int
    source_name: str


def view_columns(attributes: Sequence[Row], queries: Sequence[Row]) -> list[ViewColumn]:
    """Return the view columns from the rows of `ATTRIBUTES` and of `VIEW_QUERIES`."""
    names = {(relation, position): name for relation, position, name in attributes}
    return [
        ViewColumn(view, names[view, position], source, names[source, attribute])
        for view, query in queries
        for position, source, attribute in source_columns(query)
        if (view, position) in names and (source, attribute) in names
    ]


def source_columns(tree: str) -> Iterator[tuple[int, int, int]]:
    """Return the columns of a query that show a relation's column, in the parsed query `tree`.

    Each is its position, the relation's oid and the position there. Postgres has followed the
    column through subqueries already, but not through another view.
    """
    depth, field, key = 0, "", ""
    entry: dict[str, str] = {}
    for word in TOKEN.findall(tree):
        if word == "{":
            depth += 1
        elif word == "}":
            if depth == 2 and entry.get(":resorigtbl", "0") != "0":  # noqa: PLR2004 -- an entry's own level
                yield int(entry[":resno"]), int(entry[":resorigtbl"]), int(entry[":resorigcol"])
            depth -= 1
            if depth == 1:
                entry = {}
        elif word.startswith(":"):
            field, key = (word, "") if depth == 1 else (field, word)
        elif depth == 2 and field == ":targetList":  # noqa: PLR2004 -- an entry's own level
            entry.setdefault(key, word)


def with_view_keys(
    relations: Mapping[int, Relation], view_columns: Sequence[ViewColumn]
) -> dict[int, Relation]:
    """Give each view the primary keys of the source tables whose whole keys it shows.

    If it shows a column more than once, the first one is part of the key.
    """
    keyed = dict(relations)
    for oid, relation in relations.items():
        if not relation.is_view:
            continue
        sources = source_names(oid, view_columns)
        # In the order of `relations`, which are sorted by name.
        keys = [(sources[s], relations[s].primary_key) for s in relations if s in sources]
        shown = tuple(
            names[column][0]
            for names, key in keys
            if all(column in names for column in key)
            for column in key
        )
        keyed[oid] = replace(relation, primary_key=shown)
    return keyed


def source_names(view: int, view_columns: Sequence[ViewColumn]) -> dict[int, dict[str, list[str]]]:
    """Return the names that a view gives to the columns of each of its source tables."""
    by_view: dict[int, list[ViewColumn]] = defaultdict(list)
    for column in view_columns:
        by_view[column.view].append(column)
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for column in by_view[view]:
        source, name = column.source, column.source_name
        # A view may read another view. No view reads itself, so the loop ends.
        while source in by_view:
            below = next((c for c in by_view[source] if c.name == name), None)
            if below is None:
                break
            source, name = below.source, below.source_name
        found[source][name].append(column.name)
    return found
