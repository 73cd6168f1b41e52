"""Names and constants as SQL text; values of clients never come here, they are parameters."""


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """Quote a name in a schema."""
    return f"{identifier(schema)}.{identifier(name)}"


def literal(text: str) -> str:
    """Quote a constant; backslashes mean themselves, as standard SQL has it."""
    return "'" + text.replace("'", "''") + "'"
