"""Bindings of a channel: filters of every operator, whole schemas, columns, and refusals.

https://supabase.com/docs/guides/realtime/postgres-changes, and for the grammar and the words
https://github.com/supabase/realtime/blob/main/lib/extensions/postgres_cdc_rls/subscriptions.ex
"""

import json
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from tests.support.gateways import Gateway
from tests.support.listening import Connect, join, joined
from tests.support.wires import join_frame, wire


pytestmark = pytest.mark.anyio

ALICE, BOB = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("alice", "bob"))
NOT_SUBSCRIBED = "Unable to subscribe to changes with given parameters."
NOT_PUBLISHED = (
    f"{NOT_SUBSCRIBED} Please check Realtime is enabled for the given connect parameters: "
    "[event: INSERT, schema: public, table: unpublished, filters: [], select: nil]"
)
NO_NUMBER = (
    f"{NOT_SUBSCRIBED} An exception happened so please check your connect parameters: "
    '[event: *, schema: public, table: things, filters: [{"price", "eq", "many", false}],'
    ' select: ["title"]]. Exception: invalid input syntax for type numeric'
)


@pytest.mark.parametrize(
    ("filter_text", "matching", "other"),
    [
        ("owner_id=eq.{alice}", {"owner_id": ALICE}, {"owner_id": BOB}),
        ("owner_id=in.({alice})", {"owner_id": ALICE}, {"owner_id": BOB}),
        ("title=eq.b", {"title": "b"}, {"title": None}),
        ("title=neq.b", {"title": "a"}, {"title": "b"}),
        ("title=neq.b", {"title": "a"}, {"title": None}),
        ("price=eq.9.9", {"price": "9.90"}, {"price": "9.91"}),
        ("price=gt.10", {"price": 100}, {"price": 10}),
        ("price=lt.10", {"price": 9}, {"price": 10}),
        ("price=lte.10", {"price": 10}, {"price": 10.01}),
        ("price=in.(1, 2.50)", {"price": 2.5}, {"price": 3}),
        ("price=not.eq.1", {"price": 2}, {"price": 1}),
        ("price=not.gt.1", {"price": 1}, {"price": None}),
        ("price=gte.10,price=lt.20", {"price": 10}, {"price": 20}),
        ("seen_at=lte.2026-01-01T00:00:00Z", {"seen_at": "2026-01-01"}, {"seen_at": "2026-01-02"}),
        ('title=in.("a,b",c)', {"title": "a,b"}, {"title": "b"}),
        ("title=not.in.(a,b)", {"title": "c"}, {"title": "a"}),
        ("title=like.%x_", {"title": "axb"}, {"title": "ax"}),
        ("title=ilike.A%", {"title": "ab"}, {"title": "ba"}),
        ("title=match.^a.c$", {"title": "abc"}, {"title": "abcd"}),
        ("title=imatch.^ABC$", {"title": "abc"}, {"title": "abd"}),
        ("title=not.like.a%", {"title": "b"}, {"title": "ab"}),
        ("title=not.imatch.^A", {"title": "b"}, {"title": "ab"}),
        ("title=is.null", {"title": None}, {"title": "a"}),
        ("title=not.is.null", {"title": "a"}, {"title": None}),
        ("is_open=is.true", {"is_open": True}, {"is_open": None}),
        ("is_open=is.false", {"is_open": False}, {"is_open": True}),
        ("is_open=is.unknown", {"is_open": None}, {"is_open": False}),
        ("is_open=not.is.true", {"is_open": None}, {"is_open": True}),
        ("title=isdistinct.a", {"title": None}, {"title": "a"}),
        ("title=not.isdistinct.a", {"title": "a"}, {"title": None}),
        ('title=eq."a, (b)"', {"title": "a, (b)"}, {"title": "a"}),
        ('title=eq.5" pipe', {"title": '5" pipe'}, {"title": "5"}),
        ("title=match.^a$,title=neq.b", {"title": "a"}, {"title": "b"}),
        ('tags=eq."{{1,2}}"', {"tags": [1, 2]}, {"tags": [2, 1]}),
    ],
)
async def test_a_filter_is_compared_with_the_columns_type(
    owner: psycopg.Connection,
    service: AsyncRealtimeClient,
    numbers: Iterator[int],
    filter_text: str,
    matching: dict[str, object],
    other: dict[str, object],
) -> None:
    """Postgres compares by the column's type; the first change of each pair does not fit."""
    ids = next(numbers), next(numbers)
    text = filter_text.format(alice=ALICE)
    heard = await joined(service, "filtered", {"table": "things", "filter": text})

    for id_, row in zip(ids, (other, matching), strict=True):
        [(column, value)] = row.items()
        insert = sql.SQL("insert into things (id, {}) values (%s, %s)")
        owner.execute(insert.format(sql.Identifier(column)), [id_, value])

    assert ids[1] == (await heard.change())["record"]["id"]


async def test_a_deletes_filter_sees_the_key_alone(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """A filter on a column outside the key holds a delete back."""
    first, second = next(numbers), next(numbers)
    owner.execute("insert into notes values (%s, 'x'), (%s, 'x')", [first, second])
    by_body = await joined(
        service, "by body", {"table": "notes", "filter": "body=eq.x"}, {"table": "profiles"}
    )
    by_key = await joined(service, "by key", {"table": "notes", "filter": f"id=eq.{second}"})

    owner.execute("delete from notes where id = %s", [first])
    owner.execute("delete from notes where id = %s", [second])
    owner.execute("insert into profiles (id) values (%s)", [first])

    assert {"id": second} == (await by_key.change())["old_record"]
    assert "profiles" == (await by_body.change())["table"]


async def test_a_whole_schema_can_be_subscribed_to(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """A binding without a table means all published ones; one frame serves several bindings."""
    id_ = next(numbers)
    heard = await joined(service, "schema", {}, {"table": "notes"}, {"event": "DELETE"})

    owner.execute("insert into notes values (%s)", [id_])
    owner.execute("insert into profiles (id) values (%s)", [id_])

    tables = [(await heard.change())["table"] for _ in range(3)]
    assert ["notes", "notes", "profiles"] == tables


async def test_select_cuts_the_record_down(
    owner: psycopg.Connection, service: AsyncRealtimeClient, numbers: Iterator[int]
) -> None:
    """`select` limits the record's columns, and the primary key is always among them."""
    id_ = next(numbers)
    heard = await joined(service, "selected", {"table": "things", "select": ["title"]})

    owner.execute("insert into things (id, title, price) values (%s, 't', 1)", [id_])

    assert {"id": id_, "title": "t"} == (await heard.change())["record"]


async def test_a_filter_on_a_column_without_a_grant_is_refused(
    gateway: Gateway, connect: Connect
) -> None:
    """Realtime refuses a filter on a column without a grant, which could reveal its values."""
    client = await connect(gateway, gateway.token(ALICE))

    heard = await join(client, "probing", {"table": "profiles", "filter": "secret=eq.s"})

    assert RealtimeSubscribeStates.SUBSCRIBED == (await heard.state())[0]
    state, problem = await heard.state()
    assert RealtimeSubscribeStates.CHANNEL_ERROR == state
    assert "invalid column for filter secret" in problem


@pytest.mark.parametrize(
    ("binding", "problem"),
    [
        ({"table": "unpublished", "event": "INSERT"}, NOT_PUBLISHED),
        ({"table": "things", "filter": "price=eq.many", "select": ["title"]}, NO_NUMBER),
        ({"table": "nowhere"}, NOT_SUBSCRIBED),
        ({"table": "things", "filter": "title=match.("}, NOT_SUBSCRIBED),
        ({"table": "things", "filter": "title=is.true"}, NOT_SUBSCRIBED),
        ({"table": "things", "filter": "nothing=eq.1"}, "invalid column for filter nothing"),
        ({"table": "things", "select": ["nothing"]}, "invalid column for select nothing"),
        (
            {"table": "things", "filter": "undefined"},
            'Error parsing `filter` params: ["undefined"]',
        ),
        ({"select": ["id"]}, "Column selection is not supported for wildcard subscriptions."),
    ],
)
async def test_an_impossible_binding_is_a_system_error(
    service: AsyncRealtimeClient, binding: dict[str, object], problem: str
) -> None:
    """The join succeeds, as hosted, and Realtime's error about the binding follows."""
    heard = await join(service, "impossible", binding)

    assert RealtimeSubscribeStates.SUBSCRIBED == (await heard.state())[0]
    state, message = await heard.state()
    assert RealtimeSubscribeStates.CHANNEL_ERROR == state
    assert problem in json.loads(message)["message"]


async def test_a_join_that_waits_for_its_changes_fails_with_them(
    gateway: Gateway,
) -> None:
    """The option `postgres_changes_options` of JavaScript's clients makes the join itself fail."""
    options = {"wait": True, "timeout": 5000}
    good, bad = {"schema": "public", "table": "notes"}, {"schema": "public", "table": "unpublished"}
    async with wire(gateway) as client:
        config = {"postgres_changes": [bad], "postgres_changes_options": options}
        await client.send(join_frame("1", "waits", **config))
        refused = (await client.receive())[4]
        assert "error" == refused["status"]
        reason = f"RealtimeDisabledForConfiguration: {NOT_SUBSCRIBED}"
        assert refused["response"]["reason"].startswith(reason)

        await client.send(join_frame("2", "waits", **{**config, "postgres_changes": [good]}))
        assert "ok" == (await client.receive())[4]["status"]
        assert "Subscribed to PostgreSQL" == (await client.receive())[4]["message"]


async def test_a_change_names_all_bindings_that_match(
    owner: psycopg.Connection, gateway: Gateway, numbers: Iterator[int]
) -> None:
    """One frame has the change with the ids of all matching bindings."""
    id_ = next(numbers)
    bindings = [
        {"event": "*", "schema": "public", "table": "notes"},
        {"event": "DELETE", "schema": "public", "table": "notes"},
        {"event": "INSERT", "schema": "public", "table": "notes", "filter": f"id=eq.{id_}"},
        {"event": "INSERT", "schema": "public", "table": "notes", "filter": f"id=neq.{id_}"},
        {"event": "*", "schema": "*"},
    ]
    async with wire(gateway) as client:
        await client.send(join_frame("1", "several", postgres_changes=bindings))
        echoed = (await client.receive())[4]["response"]["postgres_changes"]
        assert "system" == (await client.receive())[3]

        owner.execute("insert into notes values (%s)", [id_])

        ids = [binding["id"] for binding in echoed]
        assert {ids[0], ids[2], ids[4]} == set((await client.receive())[4]["ids"])
