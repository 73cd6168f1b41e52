"""Write the generated parts of docs/database.md: tables and diagram of each domain in `sql/`.

The page names each folder of `sql/` by a heading, with a text that people write. If the folder has
tables, the part between the two marks below it comes from `sql/<domain>/tables.sql`: each table
with its comment, and an entity-relationship diagram. Tables of other domains appear only at the
ends of foreign keys.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pglast
from pglast import stream
from pglast.enums import ConstrType


ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/database.md"
PART = re.compile(
    r"(<!-- make docs writes the tables of (\w+) -->\n).*?(<!-- here they end -->)", re.DOTALL
)
HEADING = re.compile(r"^## (\w+)$", re.MULTILINE)


class Column(NamedTuple):
    """One column of a table."""

    name: str
    type: str
    is_required: bool


class Reference(NamedTuple):
    """One foreign key to another table."""

    columns: tuple[str, ...]
    target: str


class Table(NamedTuple):
    """One table: its columns and its keys; `unique` holds the columns of each unique constraint."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    primary: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    references: tuple[Reference, ...]
    comment: str


def page() -> str:
    """Return the page with its generated parts."""
    written = PAGE.read_text()
    folders = {path.name for path in (ROOT / "sql").iterdir() if path.is_dir()}
    domains = {path.parent.name for path in (ROOT / "sql").glob("*/tables.sql")}
    missing = folders - {heading.lower() for heading in HEADING.findall(written)}
    missing |= domains - {domain for _, domain, _ in PART.findall(written)}
    if missing:
        sys.exit(f"docs/database.md has no section for {', '.join(sorted(missing))}.")
    return PART.sub(lambda match: f"{match[1]}{part(match[2])}{match[3]}", written)


def part(domain: str) -> str:
    """Return the tables of a domain and their diagram."""
    tables = tables_of(domain)
    rows = [f"| `{table.schema}.{table.name}` | {table.comment} |" for table in tables]
    lines = ["", "| table | contents |", "|---|---|", *rows, "", "```mermaid", "erDiagram"]
    for table in tables:
        lines += [f"  {table.name} {{", *map("    {}".format, attributes(table)), "  }"]
    for table in tables:
        lines += map("  {}".format, relations(table))
    return "\n".join([*lines, "```", "", ""])


def attributes(table: Table) -> Iterable[str]:
    """Yield each column of a table as mermaid writes attributes."""
    foreign = {column for reference in table.references for column in reference.columns}
    for column in table.columns:
        keys = [
            *(["PK"] if column.name in table.primary else []),
            *(["FK"] if column.name in foreign else []),
            *(["UK"] if (column.name,) in table.unique else []),
        ]
        yield f"{column.type} {column.name} {', '.join(keys)}".rstrip()


def relations(table: Table) -> Iterable[str]:
    """Yield each foreign key of a table as mermaid writes relationships."""
    required = {column.name for column in table.columns if column.is_required}
    for columns, target in table.references:
        parent = "||" if set(columns) <= required else "|o"
        child = "o|" if columns in (*table.unique, table.primary) else "o{"
        yield f'{target} {parent}--{child} {table.name} : "{", ".join(columns)}"'


def tables_of(domain: str) -> list[Table]:
    """Return the tables that a domain creates, in their order."""
    text = (ROOT / "sql" / domain / "tables.sql").read_text()
    statements: list[Any] = [raw.stmt for raw in pglast.parse_sql(text)]
    comments = {
        tuple(name.sval for name in statement.object): statement.comment
        for statement in statements
        if type(statement).__name__ == "CommentStmt" and isinstance(statement.object, tuple)
    }
    return [
        _table(statement, comments)
        for statement in statements
        if type(statement).__name__ == "CreateStmt"
    ]


def _table(statement: Any, comments: Mapping[tuple[str, ...], str]) -> Table:
    schema, name = statement.relation.schemaname, statement.relation.relname
    parts: dict[str, list[Any]] = {"ColumnDef": [], "Constraint": []}
    for element in statement.tableElts:
        parts[type(element).__name__].append(element)
    keys = {kind: list(_keys(parts["Constraint"], kind)) for kind in ConstrType}
    primary = next(iter(keys[ConstrType.CONSTR_PRIMARY]), ())
    return Table(
        schema=schema,
        name=name,
        columns=tuple(_column(element, primary) for element in parts["ColumnDef"]),
        primary=primary,
        unique=tuple(keys[ConstrType.CONSTR_UNIQUE]),
        references=tuple(_references(parts["Constraint"])),
        comment=comments.get((schema, name), ""),
    )


def _keys(constraints: Iterable[Any], kind: ConstrType) -> Iterable[tuple[str, ...]]:
    for constraint in constraints:
        if constraint.contype == kind and constraint.keys:
            yield tuple(key.sval for key in constraint.keys)


def _references(constraints: Iterable[Any]) -> Iterable[Reference]:
    for constraint in constraints:
        if constraint.contype == ConstrType.CONSTR_FOREIGN:
            columns = tuple(column.sval for column in constraint.fk_attrs)
            target = constraint.pktable
            # The users of Supabase Auth have the name of our own table.
            name = "auth_users" if target.schemaname == "auth" else target.relname
            yield Reference(columns, name)


def _column(element: Any, primary: tuple[str, ...]) -> Column:
    written = str(stream.RawStream()(element.typeName))
    is_stated = any(
        constraint.contype == ConstrType.CONSTR_NOTNULL for constraint in element.constraints or ()
    )
    type_ = re.sub(r"[^\w\[\]()]+", "_", written.replace("pg_catalog.", "").replace("public.", ""))
    type_ = type_.replace("private_", "")
    return Column(element.colname, type_, is_stated or element.colname in primary)
