"""Names and constants as SQL text. Values of clients are parameters, and no part of a statement."""

from collections.abc import Iterable


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """Quote a name in a schema."""
    return f"{identifier(schema)}.{identifier(name)}"


def literal(text: str) -> str:
    """Quote a constant; backslashes mean themselves, as standard SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def array(members: Iterable[str]) -> str:
    """Write an array as Postgres reads one: the value of a parameter, and no SQL."""
    escaped = (member.replace("\\", "\\\\").replace('"', '\\"') for member in members)
    return "{" + ",".join(f'"{member}"' for member in escaped) + "}"
