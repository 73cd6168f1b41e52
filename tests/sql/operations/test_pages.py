"""The SQL of the documentation fits the schema: Postgres plans each statement of each page."""

import re

import pglast
import psycopg
import pytest

from tests.support import pages


#: A sentence names a whole statement, or a function's name alone.
_STATEMENT = re.compile(
    r"(?:select|update|insert|delete|with) .* (?:from|set|into) |select \w.*\(.*\);?$"
)
_PLANNED = re.compile(r"(?:select|update|insert|delete|with) ")
_LITERAL = re.compile(r"'[^']*'")
#: Schemas that only hosted Supabase has.
_HOSTED = ("cron.",)
#: A value that the reader replaces, in the place of a typed one.
_UNREADABLE = (psycopg.errors.InvalidTextRepresentation, psycopg.errors.InvalidDatetimeFormat)


def statements() -> list[tuple[str, str]]:
    """Return page and text of each statement that can be planned."""
    found: set[tuple[str, str]] = set()
    for page, text in pages.pages().items():
        codes = pages.blocks(text, "sql")
        codes += [code for code in pages.inline(text) if _STATEMENT.match(code)]
        parts = [" ".join(part.split()) for code in codes for part in pglast.split(code)]
        found |= {(page, part) for part in parts if _PLANNED.match(part)}
    return sorted(pair for pair in found if not any(name in pair[1] for name in _HOSTED))


STATEMENTS = statements()


def test_statements_are_found() -> None:
    """Both blocks and sentences have statements."""
    assert ("docs/operations.md", "select * from ledger_drift()") in STATEMENTS
    assert len(STATEMENTS) > 30


@pytest.mark.parametrize(("page", "statement"), STATEMENTS)
def test_statement_fits_the_schema(owner: psycopg.Connection, page: str, statement: str) -> None:
    """Each table, column, function and argument exists; nothing is executed."""
    assert page
    owner.execute("set local search_path = public, extensions")
    try:
        with owner.transaction():
            owner.execute(f"explain {statement}".encode())
    except _UNREADABLE:
        owner.execute(f"explain {_LITERAL.sub('null', statement)}".encode())
