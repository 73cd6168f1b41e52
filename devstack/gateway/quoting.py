"""SQL names, constants and arrays as quoted text.

The values that a client sends are parameters of a statement, and no part of its text.
"""

from collections.abc import Iterable


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """Quote a name in a schema."""
    return f"{identifier(schema)}.{identifier(name)}"


def literal(text: str) -> str:
    """Quote a constant. A backslash has no special meaning, as in standard SQL."""
    return "'" + text.replace("'", "''") + "'"


def array(members: Iterable[str]) -> str:
    """Return an array in the input format of Postgres, which is the value of a parameter."""
    escaped = (member.replace("\\", "\\\\").replace('"', '\\"') for member in members)
    return "{" + ",".join(f'"{member}"' for member in escaped) + "}"
