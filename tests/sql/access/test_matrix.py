"""The access matrix, cell by cell: every access that it does not allow is refused."""

import dataclasses
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from tests.sql.access.snapshot import SNAPSHOT
from tests.sql.access.world import (
    FORBIDDEN,
    GROUPS,
    SALES,
    Outcome,
    Reader,
    World,
    readers_in,
)


MATRIX: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("matrix.toml").read_text())
DUPLICATE = "23505"
#: Postgres refuses to truncate a view, and to update a computed column of one, by other errors.
REFUSED = (FORBIDDEN, "42809", "0A000")
#: `make access` tries every column and both halves of every function; `make test` tries some.
IS_FULL = os.environ.get("ACCESS_MATRIX") == "full"
#: `truncate` needs a table, the others a row that they would touch.
VERBS = {
    "insert": "insert into {table} default values",
    "update": "update {table} set {column} = default",
    "delete": "delete from {table}",
    "truncate": "truncate {table}",
}
#: The reader of each database role by whose rights the closed tables are tried.
BY_ROLE = (Reader.ANON, Reader.ADMIN, Reader.SERVICE)


@pytest.fixture(scope="module")
def database(_shared: Connection) -> Iterator[Connection]:
    """Connect as the owner for all cells of a run, and undo everything at the end."""
    _shared.execute("select")
    yield _shared
    _shared.rollback()


@pytest.fixture(scope="module")
def world(database: Connection) -> World:
    """Build the world once; every cell is undone."""
    return World(database)


def wrong(expected: Mapping[str, object], found: Mapping[str, object]) -> dict[str, object]:
    """Return the cells that differ, each as (expected, found)."""
    return {cell: (value, found[cell]) for cell, value in expected.items() if value != found[cell]}


def key_of(table: str) -> str:
    """Return the name of a table's key."""
    return "event_id" if table == "public.webhook_events" else "id"


def columns_of(owner: Connection, table: str) -> list[str]:
    """Return the columns of a table."""
    query = """
      select attname::text from pg_attribute
      where attrelid = %s::regclass and attnum > 0 and not attisdropped
    """
    return [name for (name,) in owner.execute(query, [table])]


def tables_of(owner: Connection, schemas: list[str]) -> list[str]:
    """Return the tables and views of these schemas."""
    query = """
      select oid::regclass::text from pg_class
      where relkind in ('r', 'p', 'v', 'm') and relnamespace::regnamespace::text = any(%s)
    """
    return [table for (table,) in owner.execute(query, [schemas])]


def _some(columns: list[str], *, is_all: bool) -> list[str]:
    """Return all columns, or the first and the last one in the short form."""
    return columns if IS_FULL or is_all else [columns[0], columns[-1]]


def rows_allowed(reader: Reader, table: str) -> object:
    """Return which rows a reader may select, or the error."""
    cells = MATRIX["select"][table]
    if reader not in readers_in(cells["granted"]):
        return FORBIDDEN
    return rows_of(reader, cells["rows"])


def rows_of(reader: Reader, rows: Mapping[str, str]) -> set[str]:
    """Return the rows whose line names a reader."""
    return {name for name, words in rows.items() if reader in readers_in(words)}


def rows_read(world: World, reader: Reader, table: str) -> object:
    """Return which rows a reader selects, or the error; a row without a name by its key."""
    key = key_of(table)
    outcome = world.attempt(reader, f"select {key}::text from {table}")  # noqa: S608 -- a table of the matrix
    return outcome.error or {world.name(row) for (row,) in outcome.rows}


@pytest.mark.parametrize("reader", Reader)
def test_only_named_readers_read_rows(world: World, reader: Reader) -> None:
    """A reader selects the rows that name it, and an error of a table that is not granted."""
    expected = {table: rows_allowed(reader, table) for table in MATRIX["select"]}

    found = {table: rows_read(world, reader, table) for table in expected}

    assert {} == wrong(expected, found)


@pytest.mark.parametrize("reader", BY_ROLE)
def test_only_named_readers_read_columns(
    world: World, database: Connection, reader: Reader
) -> None:
    """A role that may select a table selects all its columns, unless the matrix lists a few."""
    expected: dict[str, object] = {}
    found: dict[str, object] = {}
    for table, cells in MATRIX["select"].items():
        listed = cells.get("columns", {}).get(reader)
        columns = columns_of(database, table)
        for column in _some(columns, is_all=listed is not None):
            is_allowed = reader in readers_in(cells["granted"]) and (
                listed is None or column in listed.split()
            )
            cell = f"{table}.{column}"
            expected[cell] = None if is_allowed else FORBIDDEN
            found[cell] = world.attempt(reader, f"select {column} from {table} limit 0").error  # noqa: S608 -- the catalogue's names

    assert {} == wrong(expected, found)


@pytest.mark.parametrize("reader", BY_ROLE)
def test_closed_tables_refuse_everything(
    world: World, database: Connection, reader: Reader
) -> None:
    """No verb reaches a table of a closed schema (B13, B18, case 20)."""
    verbs = {"select": "select from {table}"} | VERBS
    found = {}
    for table in tables_of(database, MATRIX["closed"]["schemas"].split()):
        column = columns_of(database, table)[0]
        for verb, query in verbs.items():
            outcome = world.attempt(reader, query.format(table=table, column=column))
            found[f"{verb} {table}"] = outcome.error

    assert {} == {cell: error for cell, error in found.items() if error != FORBIDDEN}


@pytest.mark.parametrize("reader", BY_ROLE)
def test_verbs_are_refused_that_the_matrix_does_not_name(
    world: World, database: Connection, reader: Reader
) -> None:
    """Nobody inserts, updates, deletes or truncates outside the matrix's columns (B12, case 20)."""
    allowed = set()
    if reader is Reader.ADMIN:
        allowed = {
            f"update {table}.{column}"
            for table, cells in MATRIX["update"].items()
            for column in cells["columns"].split()
        }
    found = {}
    for table in MATRIX["select"].keys() - {"storage.objects"}:
        for column in _some(columns_of(database, table), is_all=table in MATRIX["update"]):
            query = VERBS["update"].format(table=table, column=column)
            found[f"update {table}.{column}"] = world.attempt(reader, query).error
        for verb in VERBS.keys() - {"update"}:
            found[f"{verb} {table}"] = world.attempt(reader, VERBS[verb].format(table=table)).error

    assert allowed == {cell for cell, error in found.items() if error not in REFUSED}


@pytest.mark.parametrize("reader", Reader)
def test_only_named_users_update_rows(world: World, reader: Reader) -> None:
    """An update of the whole table changes the rows of its owner, and no other row."""
    expected, found = {}, {}
    for table, cells in MATRIX["update"].items():
        query = f"update {table} set {cells['set']}"  # noqa: S608 -- the matrix's own
        expected[table] = {f"{table} {name}" for name in rows_of(reader, cells["rows"])}
        found[table] = set(world.attempt(reader, query, is_watched=True).touched)

    assert {} == wrong(expected, found)


@pytest.mark.parametrize("reader", Reader)
def test_profiles_are_added_by_their_owner(world: World, reader: Reader) -> None:
    """A user's own profile exists already, and nobody adds another user's."""
    own = reader.value if reader in GROUPS["people"] else Reader.OUTSIDER.value
    query = "insert into public.users (id, display_name) values ({%s}, 'Somebody')"
    is_allowed = reader in readers_in(MATRIX["insert"]["public.users"])

    assert world.attempt(reader, query % own).error == (DUPLICATE if is_allowed else FORBIDDEN)
    assert world.attempt(reader, query % "fresh").error == FORBIDDEN


@pytest.mark.parametrize("verb", ["insert", "update", "delete"])
def test_clients_write_no_object(world: World, verb: str) -> None:
    """Storage grants clients its tables, and our policies allow no write."""
    query = {
        "insert": "insert into storage.objects (bucket_id, name)"
        " values ('profile-avatars', {buyer} || '/b.jpg')",
        "update": "update storage.objects set name = name",
        "delete": "delete from storage.objects",
    }[verb]
    found = {reader: world.attempt(reader, query) for reader in GROUPS["everybody"]}

    assert {} == {reader: outcome for reader, outcome in found.items() if outcome.changed > 0}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of the matrix with the rows of one sale."""

    function: str
    arguments: str
    allowed: frozenset[Reader]
    code: str | None
    answer: Mapping[str, object]
    rows: Mapping[str, str] | None
    touches: frozenset[str]

    def is_answered(self, world: World, reader: Reader, outcome: Outcome) -> bool:
        """Return true if the call got the answer that the matrix states."""
        if outcome.error:
            return False
        [(answer,)] = outcome.rows
        if isinstance(answer, dict) and "success" in answer:
            if self.code is not None:
                return answer.get("code") == self.code
            if not answer["success"]:
                return False
        if self.rows is not None:
            [rows] = [value for value in answer.values() if isinstance(value, list)]
            return rows_of(reader, self.rows) == {world.name(row["id"]) for row in rows}
        if self.answer:
            return isinstance(answer, dict) and self.answer.items() <= answer.items()
        return bool(answer)

    def may_touch(self, world: World, reader: Reader) -> set[str]:
        """Return the rows and tables that the call of this reader may change."""
        # Two readers are the same user.
        person = world.name(world.value(reader)) if reader in GROUPS["people"] else reader
        return {name.replace("{reader}", person) for name in self.touches}


def calls(world: World) -> Iterator[tuple[str, Call]]:
    """Yield each call of the matrix by name, once for each sale that it states readers for."""
    for name, stated in MATRIX["call"].items():
        for suffix in SALES:
            words = stated.get(suffix.removeprefix("_") or "allowed")
            if words is None:
                continue
            yield (
                name + suffix,
                Call(
                    function=name.partition(",")[0],
                    arguments=world.filled_in_sale(stated["arguments"], suffix),
                    allowed=readers_in(words),
                    code=stated.get("code"),
                    answer={
                        key: _value_in_sale(world, value, suffix)
                        for key, value in stated.get("answer", {}).items()
                    },
                    rows=stated.get("rows"),
                    touches=frozenset(
                        _row_in_sale(world, row, suffix) for row in stated.get("touches", [])
                    ),
                ),
            )


def _value_in_sale(world: World, value: object, suffix: str) -> object:
    if not isinstance(value, str):
        return value
    # A key stands in SQL as a literal with its type.
    return world.filled_in_sale(value, suffix).removesuffix("::uuid").strip("'")


def _row_in_sale(world: World, row: str, suffix: str) -> str:
    table, _, key = row.partition(" ")
    if not key:
        return table
    parts = (part if "{" in part else world.in_sale(part, suffix) for part in key.split("/"))
    return f"{table} {'/'.join(parts)}"


@pytest.mark.parametrize("reader", Reader)
def test_only_named_callers_get_answers(world: World, reader: Reader) -> None:
    """An RPC answers, or acts for, those that the matrix names, and refuses everybody else.

    It touches no row but the matrix's, and none at all if it is refused.
    """
    expected: dict[str, object] = {}
    found: dict[str, object] = {}
    outcomes = {}
    for name, call in calls(world):
        query = f"select to_jsonb(a) from public.{call.function}({call.arguments}) as a"  # noqa: S608 -- the matrix's own
        outcome = outcomes[name] = world.attempt(reader, query, is_watched=True)
        is_allowed = reader in call.allowed
        expected[name] = (is_allowed, set())
        allowed_rows = call.may_touch(world, reader) if is_allowed else set()
        found[name] = (
            call.is_answered(world, reader, outcome),
            outcome.touched - allowed_rows,
        )

    assert {} == {name: (found[name], outcomes[name]) for name in wrong(expected, found)}


def test_every_call_of_people_is_in_the_matrix() -> None:
    """Each RPC that anon or authenticated may execute has a line in the matrix."""
    callable_by_people = {
        function.partition("(")[0].removeprefix("public.")
        for role in ("anon", "authenticated")
        for function in functions_of(role)
        if function.startswith("public.")
    }

    assert callable_by_people == {name.partition(",")[0] for name in MATRIX["call"]}


def functions_of(role: str) -> set[str]:
    """Return the functions, with their arguments, that a role may execute by the snapshot."""
    line = rf"^{role} executes (.+?\)) returns "
    return set(re.findall(line, SNAPSHOT.read_text(), re.MULTILINE))


@pytest.mark.parametrize("reader", [Reader.ANON, Reader.ADMIN])
def test_calls_of_our_processes_are_refused_to_clients(world: World, reader: Reader) -> None:
    """A function of service_role alone raises for anon and for staff (B2, B3, case 20)."""
    role = "anon" if reader is Reader.ANON else "authenticated"
    closed = functions_of("service_role") - functions_of(role)
    if not IS_FULL:
        closed = {function for function in closed if function.startswith("public.")}

    found = {
        function: world.attempt(reader, f"select {called_with_nulls(function)}").error
        for function in closed
    }

    assert {} == {function: error for function, error in found.items() if error != FORBIDDEN}


def called_with_nulls(function: str) -> str:
    """Return a call of a function of the snapshot, all arguments null."""
    name, _, arguments = function.removesuffix(")").partition("(")
    types = [argument.partition(" ")[2] for argument in arguments.split(", ") if argument]
    return f"{name}({', '.join(f'null::{type_}' for type_ in types)})"


@pytest.mark.parametrize("reader", sorted(GROUPS["everybody"]))
def test_only_named_users_join_topics(world: World, database: Connection, reader: Reader) -> None:
    """A client joins a channel whose broadcasts it may select."""
    expected, found = {}, {}
    for topic, words in MATRIX["topic"].items():
        filled = re.sub(r"{(\w+)}", lambda match: world.value(match[1]), topic)
        with database.transaction(force_rollback=True):
            database.execute("select realtime.send('{}', 'any', %s, true)", [filled])
            database.execute("select set_config('realtime.topic', %s, true)", [filled])
            rows = world.attempt(reader, "select event from realtime.messages").rows
        expected[topic], found[topic] = reader in readers_in(words), bool(rows)

    assert {} == wrong(expected, found)


def test_every_table_is_in_the_matrix(database: Connection) -> None:
    """Each table and view of the served schema has its lines in the matrix."""
    listed = MATRIX["select"].keys() - {"storage.objects"}

    assert listed == set(tables_of(database, ["public"]))
