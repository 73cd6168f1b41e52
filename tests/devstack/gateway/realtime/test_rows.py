"""The rows of a change: types, old records, missing values, and refusals.

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
    owner: psycopg.Connection, gateway: Gateway, numbers: Iterator[int]
) -> None:
    """Values arrive to the digit: a number keeps its scale, and a bigint its precision."""
    id_ = 2**53 + next(numbers)
    async with wire(gateway) as client:
        await listen(client, "shapes")

        owner.execute(
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


async def test_a_changed_key_is_sent_in_the_old_record(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """A changed key sends its old value in the old record."""
    old, new = next(numbers), next(numbers)
    owner.execute("insert into notes values (%s, 'x')", [old])
    heard = await joined(service, "rekeyed", {"table": "notes"})

    owner.execute("update notes set id = %s where id = %s", [new, old])

    change = await heard.change()
    assert ({"id": new, "body": "x"}, {"id": old}) == (change["record"], change["old_record"])


async def test_a_whole_old_row_is_sent_with_unprotected_deletes(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """Replica identity full sends the old row of a delete, if the table has no row security."""
    id_ = next(numbers)
    owner.execute("insert into scrolls values (%s, 'x', 1)", [id_])
    heard = await joined(service, "scrolled", {"table": "scrolls"})

    owner.execute("delete from scrolls where id = %s", [id_])

    change = await heard.change()
    assert {"id": id_, "long": "x", "n": 1} == change["old_record"]
    assert "record" not in change or not change["record"]


async def test_a_long_value_that_stayed_is_missing_by_default(
    owner: psycopg.Connection, gateway: Gateway, numbers: Iterator[int]
) -> None:
    """An unchanged long value is missing, unless replica identity full has it in the old row."""
    id_ = next(numbers)
    owner.execute("insert into shapes (id, long) values (%s, repeat('x', %s))", [id_, LONG])
    owner.execute("insert into scrolls values (%s, repeat('x', %s), 1)", [id_, LONG])
    async with wire(gateway) as default, wire(gateway) as full:
        await listen(default, "shapes")
        await listen(full, "scrolls")

        owner.execute("update shapes set mood = 'calm' where id = %s", [id_])
        owner.execute("update scrolls set n = 2 where id = %s", [id_])

        record = (await default.receive())[4]["data"]["record"]
        assert ("calm", False) == (record["mood"], "long" in record)
        record = (await full.receive())[4]["data"]["record"]
        assert (2, LONG) == (record["n"], len(record["long"]))


async def test_an_old_record_has_no_column_without_a_grant(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """The old record lacks the columns without a grant, under any replica identity."""
    id_ = next(numbers)
    owner.execute("insert into drafts values (%s, %s, 'a')", [id_, ALICE])
    owner.execute("revoke select on drafts from authenticated")
    owner.execute("grant select (id, owner_id) on drafts to authenticated")
    try:
        alice = await connect(gateway, gateway.token(ALICE))
        heard = await joined(alice, "granted", {"table": "drafts"})

        owner.execute("update drafts set body = 'b' where id = %s", [id_])

        change = await heard.change()
        assert {"id": id_, "owner_id": ALICE} == change["record"] == change["old_record"]
    finally:
        owner.execute("grant select on drafts to authenticated")


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("keyless", "Error 400: Bad Request, no primary key"),
        ("blinds", "Error 401: Unauthorized"),
    ],
)
async def test_a_row_without_a_readable_key_is_an_error(
    owner: psycopg.Connection, gateway: Gateway, numbers: Iterator[int], table: str, error: str
) -> None:
    """A row whose key the subscriber may not read sends an error without data."""
    statements = {
        "keyless": "insert into keyless values ('x')",
        "blinds": "insert into blinds values (%(id)s, 'x')",
    }
    async with wire(gateway) as client:
        await listen(client, table, gateway.token(ALICE))

        owner.execute(statements[table], {"id": next(numbers)})

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


async def test_a_row_that_is_hidden_by_its_update_is_not_sent(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """An update that hides a row from its reader sends nothing; the new owner gets it."""
    id_ = next(numbers)
    owner.execute("insert into things (id, owner_id) values (%s, %s)", [id_, ALICE])
    bindings = {"table": "things"}, {"table": "notes"}
    alice = await joined(await connect(gateway, gateway.token(ALICE)), "given", *bindings)
    bob = await joined(await connect(gateway, gateway.token(BOB)), "given", *bindings)

    owner.execute("update things set owner_id = %s where id = %s", [BOB, id_])
    owner.execute("insert into notes values (%s)", [id_])

    assert "notes" == (await alice.change())["table"]
    assert ("things", BOB) == (
        (change := await bob.change())["table"],
        change["record"]["owner_id"],
    )


async def test_a_truncate_is_never_sent(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """A truncate sends nothing, as on hosted Supabase."""
    heard = await joined(service, "truncated", {"table": "closed"}, {"table": "notes"})

    owner.execute("truncate closed")
    owner.execute("insert into notes values (%s)", [next(numbers)])

    assert "notes" == (await heard.change())["table"]


async def test_a_transaction_has_one_time(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """Each row of a transaction has the time of the commit."""
    ids = [next(numbers) for _ in range(3)]
    heard = await joined(service, "at once", {"table": "notes"})

    with owner.transaction():
        for id_ in ids:
            owner.execute("insert into notes values (%s)", [id_])

    changes = [await heard.change() for _ in ids]
    assert ids == [change["record"]["id"] for change in changes]
    assert 1 == len({change["commit_timestamp"] for change in changes})
