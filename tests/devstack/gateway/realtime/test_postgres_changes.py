"""Postgres Changes, as the official client hears them."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from realtime import AsyncRealtimeClient

from tests.support.gateways import Gateway
from tests.support.listening import Connect, joined


pytestmark = pytest.mark.anyio

ALICE, BOB = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("alice", "bob"))


async def test_an_insert_is_json_of_its_column_types(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """Numbers, arrays, objects and times arrive as what they are, not as text."""
    id_ = next(numbers)
    heard = await joined(service, "types", {"table": "things"})

    db.execute(
        "insert into things values (%s, %s, 'Grüße \"quoted\"', 9.90, '{1,2}',"
        ' \'{"a": {"b": null}}\','
        " '2026-01-02 03:04:05.678+00', true)",
        [id_, ALICE],
    )

    change = await heard.change()
    assert "INSERT" == change["type"]
    assert {
        "id": id_,
        "owner_id": ALICE,
        "title": 'Grüße "quoted"',
        "price": 9.9,
        "tags": [1, 2],
        "details": {"a": {"b": None}},
        "seen_at": "2026-01-02T03:04:05.678+00:00",
        "is_open": True,
    } == change["record"]
    assert {"name": "tags", "type": "_int4"} in change["columns"]
    assert ("public", "things", None) == (change["schema"], change["table"], change["errors"])


async def test_an_update_carries_the_old_key_even_if_it_stayed(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """With the default replica identity the old record is the primary key."""
    id_ = next(numbers)
    db.execute("insert into notes values (%s, 'a')", [id_])
    heard = await joined(service, "updates", {"table": "notes", "event": "UPDATE"})

    db.execute("update notes set body = 'b' where id = %s", [id_])

    change = await heard.change()
    assert {"id": id_, "body": "b"} == change["record"]
    assert {"id": id_} == change["old_record"]


async def test_a_delete_carries_the_key_to_everybody(
    db: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """Row security cannot judge a row that is gone."""
    id_ = next(numbers)
    db.execute("insert into things (id, owner_id) values (%s, %s)", [id_, ALICE])
    stranger = await joined(
        await connect(gateway, gateway.token(BOB)), "deletes", {"table": "things"}
    )

    db.execute("delete from things where id = %s", [id_])

    change = await stranger.change()
    assert ("DELETE", {"id": id_}) == (change["type"], change["old_record"])


async def test_a_whole_old_row_travels_with_updates_and_not_with_protected_deletes(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """Replica identity full; under row security a delete still tells the key alone."""
    id_ = next(numbers)
    heard = await joined(service, "drafts", {"table": "drafts"})
    db.execute("insert into drafts values (%s, %s, 'a')", [id_, ALICE])
    assert "INSERT" == (await heard.change())["type"]

    db.execute("update drafts set body = 'b' where id = %s", [id_])
    update = await heard.change()
    db.execute("delete from drafts where id = %s", [id_])
    delete = await heard.change()

    assert {"id": id_, "owner_id": ALICE, "body": "a"} == update["old_record"]
    assert {"id": id_} == delete["old_record"]


async def test_the_owner_gets_a_row_and_a_stranger_does_not(
    db: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """Row security decides for each subscriber; anon, with no policy, gets nothing."""
    alices, bobs = next(numbers), next(numbers)
    alice = await joined(await connect(gateway, gateway.token(ALICE)), "mine", {"table": "things"})
    bob = await joined(await connect(gateway, gateway.token(BOB)), "mine", {"table": "things"})
    nobody = await joined(await connect(gateway), "mine", {"table": "things"}, {"table": "notes"})

    with db.transaction():
        db.execute("insert into things (id, owner_id) values (%s, %s)", [alices, ALICE])
        db.execute("insert into things (id, owner_id) values (%s, %s)", [bobs, BOB])
        db.execute("insert into notes values (%s, 'all')", [bobs])

    assert alices == (await alice.change())["record"]["id"]
    assert bobs == (await bob.change())["record"]["id"]
    assert "notes" == (await nobody.change())["table"]


async def test_changes_arrive_in_commit_order(
    db: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """Over tables and transactions, with row security on one of them."""
    ids = [next(numbers) for _ in range(60)]
    heard = await joined(
        await connect(gateway, gateway.token(ALICE)),
        "order",
        {"table": "things"},
        {"table": "notes"},
    )

    for id_ in ids:
        if id_ % 2:
            db.execute("insert into things (id, owner_id) values (%s, %s)", [id_, ALICE])
        else:
            db.execute("insert into notes values (%s)", [id_])

    assert ids == [(await heard.change())["record"]["id"] for _ in ids]


async def test_a_column_without_a_grant_is_left_out(
    db: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """Of the record and of the list of columns."""
    id_ = next(numbers)
    heard = await joined(
        await connect(gateway, gateway.token(ALICE)), "grants", {"table": "profiles"}
    )

    db.execute("insert into profiles values (%s, 'n', 's')", [id_])

    change = await heard.change()
    assert {"id": id_, "name": "n"} == change["record"]
    assert ["id", "name"] == [column["name"] for column in change["columns"]]


async def test_a_table_without_a_grant_never_rings(
    db: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """And nothing says so: the subscription stands."""
    id_ = next(numbers)
    heard = await joined(
        await connect(gateway, gateway.token(ALICE)),
        "closed",
        {"table": "closed"},
        {"table": "notes"},
    )

    db.execute("insert into closed values (%s)", [id_])
    db.execute("insert into notes values (%s)", [id_])

    assert "notes" == (await heard.change())["table"]


async def test_a_grant_counts_from_its_commit(
    db: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """The subscription need not be made anew."""
    id_ = next(numbers)
    heard = await joined(
        await connect(gateway, gateway.token(ALICE)), "granted", {"table": "closed"}
    )
    db.execute("grant select on closed to authenticated")
    try:
        db.execute("insert into closed values (%s)", [id_])
        assert {"id": id_} == (await heard.change())["record"]
    finally:
        db.execute("revoke select on closed from authenticated")


async def test_what_rolled_back_is_never_told(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """The log is read, and only what committed."""
    first, second = next(numbers), next(numbers)
    heard = await joined(service, "rolled back", {"table": "notes"})

    with db.transaction(force_rollback=True):
        db.execute("insert into notes values (%s)", [first])
    db.execute("insert into notes values (%s)", [second])

    assert second == (await heard.change())["record"]["id"]


async def test_what_happened_before_is_no_news(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """Though another subscriber keeps the log read."""
    before, after = next(numbers), next(numbers)
    await joined(service, "early", {"table": "notes"})
    db.execute("insert into notes values (%s)", [before])

    late = await joined(service, "late", {"table": "notes"})
    db.execute("insert into notes values (%s)", [after])

    assert after == (await late.change())["record"]["id"]


async def test_a_change_too_large_loses_its_long_values(
    db: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """The client's own bound of a frame is a mebibyte."""
    id_ = next(numbers)
    heard = await joined(service, "large", {"table": "notes"})

    db.execute("insert into notes values (%s, repeat('x', 1100000))", [id_])

    change = await heard.change()
    assert {"id": id_} == change["record"]
    assert ["Error 413: Payload Too Large"] == change["errors"]
