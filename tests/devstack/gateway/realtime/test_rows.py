"""How the rows of a change look: types, old records, values that are missing, and refusals.

https://supabase.com/docs/guides/realtime/postgres-changes ("receiving old records"), and what
writes them on hosted Supabase: https://github.com/supabase/walrus
"""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from realtime import AsyncRealtimeClient

from tests.support.gateways import Gateway
from tests.support.listening import Connect, joined
from tests.support.wires import Wire, join_frame, wire


pytestmark = pytest.mark.anyio

ALICE, BOB = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("alice", "bob"))
LONG = 20_000


async def listen(client: Wire, table: str, key: str = "") -> None:
    """Join a topic and subscribe to a table."""
    frame = join_frame("1", table, postgres_changes=[{"schema": "public", "table": table}])
    if key:
        frame[4]["access_token"] = key
    await client.send(frame)
    assert "ok" == (await client.receive())[4]["status"]
    assert "ok" == (await client.receive())[4]["status"]


async def test_values_are_json_as_postgres_writes_it(
    db: psycopg.Connection, gateway: Gateway, numbers: Iterator[int]
) -> None:
    """To the digit: a number keeps its scale, and a bigint is one though JavaScript rounds it."""
    id_ = 2**53 + next(numbers)
    async with wire(gateway) as client:
        await listen(client, "shapes")

        db.execute(
            r"insert into shapes values (%s, 'hot', '\x00ff', '2026-01-02 03:04:05.6',"
            " '2026-01-02', 9.9, 0.1, '{a,NULL}', '[1,5)', null)",
            [id_],
        )

        text = await client.socket.recv()
    record = (
        f'"record":{{"id":{id_},"mood":"hot","data":"\\\\x00ff","at":"2026-01-02T03:04:05.6",'
        '"day":"2026-01-02","amount":9.90,"share":0.1,"names":["a", null],"span":"[1,5)",'
        '"long":null}'
    )
    assert record in str(text)
    data = json.loads(text)[4]["data"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["commit_timestamp"])
    types = {column["name"]: column["type"] for column in data["columns"]}
    assert ("int8", "mood", "_text") == (types["id"], types["mood"], types["names"])
    assert "old_record" not in data


async def test_a_key_that_changes_is_told_as_it_was(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """The old record is the old key."""
    old, new = next(numbers), next(numbers)
    db.execute("insert into notes values (%s, 'x')", [old])
    heard = await joined(service, "rekeyed", {"table": "notes"})

    db.execute("update notes set id = %s where id = %s", [new, old])

    change = await heard.change()
    assert ({"id": new, "body": "x"}, {"id": old}) == (change["record"], change["old_record"])


async def test_a_whole_old_row_travels_with_unprotected_deletes(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """Replica identity full, and no row security that could object."""
    id_ = next(numbers)
    db.execute("insert into scrolls values (%s, 'x', 1)", [id_])
    heard = await joined(service, "scrolled", {"table": "scrolls"})

    db.execute("delete from scrolls where id = %s", [id_])

    change = await heard.change()
    assert {"id": id_, "long": "x", "n": 1} == change["old_record"]
    assert "record" not in change or not change["record"]


async def test_a_long_value_that_stayed_is_missing_by_default(
    db: psycopg.Connection, gateway: Gateway, numbers: Iterator[int]
) -> None:
    """The log does not repeat it; with replica identity full it is taken from the old row."""
    id_ = next(numbers)
    db.execute("insert into shapes (id, long) values (%s, repeat('x', %s))", [id_, LONG])
    db.execute("insert into scrolls values (%s, repeat('x', %s), 1)", [id_, LONG])
    async with wire(gateway) as default, wire(gateway) as full:
        await listen(default, "shapes")
        await listen(full, "scrolls")

        db.execute("update shapes set mood = 'calm' where id = %s", [id_])
        db.execute("update scrolls set n = 2 where id = %s", [id_])

        record = (await default.receive())[4]["data"]["record"]
        assert ("calm", False) == (record["mood"], "long" in record)
        record = (await full.receive())[4]["data"]["record"]
        assert (2, LONG) == (record["n"], len(record["long"]))


async def test_an_old_record_has_no_column_without_a_grant(
    db: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """Whatever the replica identity carries."""
    id_ = next(numbers)
    db.execute("insert into drafts values (%s, %s, 'a')", [id_, ALICE])
    db.execute("revoke select on drafts from authenticated")
    db.execute("grant select (id, owner_id) on drafts to authenticated")
    try:
        alice = await connect(gateway, gateway.token(ALICE))
        heard = await joined(alice, "granted", {"table": "drafts"})

        db.execute("update drafts set body = 'b' where id = %s", [id_])

        change = await heard.change()
        assert {"id": id_, "owner_id": ALICE} == change["record"] == change["old_record"]
    finally:
        db.execute("grant select on drafts to authenticated")


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("keyless", "Error 400: Bad Request, no primary key"),
        ("blinds", "Error 401: Unauthorized"),
    ],
)
async def test_a_row_without_a_readable_key_is_an_error(
    db: psycopg.Connection, gateway: Gateway, numbers: Iterator[int], table: str, error: str
) -> None:
    """Of which nothing is told but that it happened."""
    statements = {
        "keyless": "insert into keyless values ('x')",
        "blinds": "insert into blinds values (%(id)s, 'x')",
    }
    async with wire(gateway) as client:
        await listen(client, table, gateway.token(ALICE))

        db.execute(statements[table], {"id": next(numbers)})

        data: dict[str, Any] = (await client.receive())[4]["data"]
    expected: dict[str, Any] = {
        "schema": "public",
        "table": table,
        "type": "INSERT",
        "commit_timestamp": None,
        "columns": [],
        "errors": [error],
        "record": {},
        "old_record": {},
    }
    assert expected == data


async def test_a_row_that_is_hidden_by_its_update_is_not_told_of(
    db: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """Not even that it went; its new owner hears of it."""
    id_ = next(numbers)
    db.execute("insert into things (id, owner_id) values (%s, %s)", [id_, ALICE])
    bindings = {"table": "things"}, {"table": "notes"}
    alice = await joined(await connect(gateway, gateway.token(ALICE)), "given", *bindings)
    bob = await joined(await connect(gateway, gateway.token(BOB)), "given", *bindings)

    db.execute("update things set owner_id = %s where id = %s", [BOB, id_])
    db.execute("insert into notes values (%s)", [id_])

    assert "notes" == (await alice.change())["table"]
    assert ("things", BOB) == (
        (change := await bob.change())["table"],
        change["record"]["owner_id"],
    )


async def test_a_truncate_is_never_told(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """As on hosted Supabase."""
    heard = await joined(service, "truncated", {"table": "closed"}, {"table": "notes"})

    db.execute("truncate closed")
    db.execute("insert into notes values (%s)", [next(numbers)])

    assert "notes" == (await heard.change())["table"]


async def test_a_transaction_has_one_time(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """That of its commit, for each of its rows."""
    ids = [next(numbers) for _ in range(3)]
    heard = await joined(service, "at once", {"table": "notes"})

    with db.transaction():
        for id_ in ids:
            db.execute("insert into notes values (%s)", [id_])

    changes = [await heard.change() for _ in ids]
    assert ids == [change["record"]["id"] for change in changes]
    assert 1 == len({change["commit_timestamp"] for change in changes})
