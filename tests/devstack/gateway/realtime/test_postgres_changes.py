"""Postgres Changes, as the official client receives them."""

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
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """Numbers, arrays, objects and times arrive in their JSON types."""
    id_ = next(numbers)
    heard = await joined(service, "types", {"table": "things"})

    owner.execute(
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
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """An update has the primary key as its old record, by the default replica identity."""
    id_ = next(numbers)
    owner.execute("insert into notes values (%s, 'a')", [id_])
    heard = await joined(service, "updates", {"table": "notes", "event": "UPDATE"})

    owner.execute("update notes set body = 'b' where id = %s", [id_])

    change = await heard.change()
    assert {"id": id_, "body": "b"} == change["record"]
    assert {"id": id_} == change["old_record"]


async def test_a_delete_carries_the_key_to_everybody(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """A delete sends the key to every subscriber, because row security needs a row to check."""
    id_ = next(numbers)
    owner.execute("insert into things (id, owner_id) values (%s, %s)", [id_, ALICE])
    other_user = await joined(
        await connect(gateway, gateway.token(BOB)), "deletes", {"table": "things"}
    )

    owner.execute("delete from things where id = %s", [id_])

    change = await other_user.change()
    assert ("DELETE", {"id": id_}) == (change["type"], change["old_record"])


async def test_a_whole_old_row_is_sent_with_updates_and_not_with_protected_deletes(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """Replica identity full sends old rows; under row security a delete sends only the key."""
    id_ = next(numbers)
    heard = await joined(service, "drafts", {"table": "drafts"})
    owner.execute("insert into drafts values (%s, %s, 'a')", [id_, ALICE])
    assert "INSERT" == (await heard.change())["type"]

    owner.execute("update drafts set body = 'b' where id = %s", [id_])
    update = await heard.change()
    owner.execute("delete from drafts where id = %s", [id_])
    delete = await heard.change()

    assert {"id": id_, "owner_id": ALICE, "body": "a"} == update["old_record"]
    assert {"id": id_} == delete["old_record"]


async def test_the_owner_gets_a_row_and_another_user_does_not(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """Row security decides for each subscriber; anon without a policy gets nothing."""
    alices, bobs = next(numbers), next(numbers)
    alice = await joined(await connect(gateway, gateway.token(ALICE)), "mine", {"table": "things"})
    bob = await joined(await connect(gateway, gateway.token(BOB)), "mine", {"table": "things"})
    visitor = await joined(await connect(gateway), "mine", {"table": "things"}, {"table": "notes"})

    with owner.transaction():
        owner.execute("insert into things (id, owner_id) values (%s, %s)", [alices, ALICE])
        owner.execute("insert into things (id, owner_id) values (%s, %s)", [bobs, BOB])
        owner.execute("insert into notes values (%s, 'all')", [bobs])

    assert alices == (await alice.change())["record"]["id"]
    assert bobs == (await bob.change())["record"]["id"]
    assert "notes" == (await visitor.change())["table"]


async def test_changes_arrive_in_commit_order(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """Changes of several tables and transactions arrive in commit order, with row security too."""
    ids = [next(numbers) for _ in range(60)]
    heard = await joined(
        await connect(gateway, gateway.token(ALICE)),
        "order",
        {"table": "things"},
        {"table": "notes"},
    )

    for id_ in ids:
        if id_ % 2:
            owner.execute("insert into things (id, owner_id) values (%s, %s)", [id_, ALICE])
        else:
            owner.execute("insert into notes values (%s)", [id_])

    assert ids == [(await heard.change())["record"]["id"] for _ in ids]


async def test_a_column_without_a_grant_is_left_out(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """A column without a grant is neither in the record nor in the list of columns."""
    id_ = next(numbers)
    heard = await joined(
        await connect(gateway, gateway.token(ALICE)), "grants", {"table": "profiles"}
    )

    owner.execute("insert into profiles values (%s, 'n', 's')", [id_])

    change = await heard.change()
    assert {"id": id_, "name": "n"} == change["record"]
    assert ["id", "name"] == [column["name"] for column in change["columns"]]


async def test_a_table_without_a_grant_sends_nothing(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """A table without a grant sends nothing, and its subscription has no error."""
    id_ = next(numbers)
    heard = await joined(
        await connect(gateway, gateway.token(ALICE)),
        "closed",
        {"table": "closed"},
        {"table": "notes"},
    )

    owner.execute("insert into closed values (%s)", [id_])
    owner.execute("insert into notes values (%s)", [id_])

    assert "notes" == (await heard.change())["table"]


async def test_a_grant_counts_from_its_commit(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """A new grant takes effect at its commit, in the existing subscription."""
    id_ = next(numbers)
    heard = await joined(
        await connect(gateway, gateway.token(ALICE)), "granted", {"table": "closed"}
    )
    owner.execute("grant select on closed to authenticated")
    try:
        owner.execute("insert into closed values (%s)", [id_])
        assert {"id": id_} == (await heard.change())["record"]
    finally:
        owner.execute("revoke select on closed from authenticated")


async def test_a_rollback_is_not_sent(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """Realtime reads the WAL, so it sends only committed changes."""
    first, second = next(numbers), next(numbers)
    heard = await joined(service, "rolled back", {"table": "notes"})

    with owner.transaction(force_rollback=True):
        owner.execute("insert into notes values (%s)", [first])
    owner.execute("insert into notes values (%s)", [second])

    assert second == (await heard.change())["record"]["id"]


async def test_an_earlier_change_is_not_sent(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """A new subscriber gets no earlier change, even if another one keeps the WAL read."""
    before, after = next(numbers), next(numbers)
    await joined(service, "early", {"table": "notes"})
    owner.execute("insert into notes values (%s)", [before])

    late = await joined(service, "late", {"table": "notes"})
    owner.execute("insert into notes values (%s)", [after])

    assert after == (await late.change())["record"]["id"]


async def test_a_change_too_large_loses_its_long_values(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """A change larger than the client's bound of one mebibyte loses its long values."""
    id_ = next(numbers)
    heard = await joined(service, "large", {"table": "notes"})

    owner.execute("insert into notes values (%s, repeat('x', 1100000))", [id_])

    change = await heard.change()
    assert {"id": id_} == change["record"]
    assert ["Error 413: Payload Too Large"] == change["errors"]
