"""Broadcasts between clients, over HTTP and from the database; private topics; replay."""

import uuid
from typing import Any

import httpx
import psycopg
import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from tests.integration.gateways import Gateway
from tests.integration.realtime.listening import (
    PRIVATE,
    PUBLIC,
    Connect,
    Heard,
    channel,
    join,
    joined,
)


pytestmark = pytest.mark.anyio

ALICE, BOB = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("alice", "bob"))

HEARS_ITSELF = {**PUBLIC, "broadcast": {"ack": True, "self": True}}


async def private_room(connect: Connect, gateway: Gateway, user_id: str, name: str) -> Heard:
    client = await connect(gateway, gateway.token(user_id))
    return await joined(client, f"room:{name}", config=PRIVATE)


async def test_the_others_hear_a_broadcast_and_the_sender_does_not(
    gateway: Gateway, connect: Connect
) -> None:
    """Unless it asked to hear itself."""
    sender = await joined(await connect(gateway), "talk")
    other = await joined(await connect(gateway), "talk")

    await sender.channel.send_broadcast("one", {"n": 1})
    assert ("one", {"n": 1}) == said(await other.broadcast())
    await other.channel.send_broadcast("two", {"n": 2})

    assert ("two", {"n": 2}) == said(await sender.broadcast())


async def test_a_sender_hears_itself_on_demand(gateway: Gateway, connect: Connect) -> None:
    """A supervisor's canary is such a broadcast."""
    heard = await joined(await connect(gateway), "echo", config=HEARS_ITSELF)

    await heard.channel.send_broadcast("canary", {"n": 1})

    assert ("canary", {"n": 1}) == said(await heard.broadcast())


async def test_a_broadcast_is_acknowledged_on_demand(gateway: Gateway, connect: Connect) -> None:
    """The reply carries the push's own reference."""
    heard = await joined(await connect(gateway), "ack", config=HEARS_ITSELF)

    push = await heard.channel.push("broadcast", {"type": "broadcast", "event": "e", "payload": {}})
    await heard.broadcast()
    await heard.channel.send_broadcast("after", {})
    await heard.broadcast()

    assert push.received_resp is not None
    assert "ok" == push.received_resp[0]


async def test_sql_sends_to_a_private_topic(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """An anonymous watcher of an auction hears what its policies show."""
    heard = await joined(await connect(gateway), "auction:1", config=PRIVATE)

    db.execute("""select realtime.send('{"left_ms": 10}', 'time_remaining', 'auction:1')""")

    frame = await heard.broadcast()
    assert ("time_remaining", 10) == (frame["event"], frame["payload"]["left_ms"])
    assert frame["payload"]["id"] == frame["meta"]["id"]


async def test_what_sql_rolled_back_is_not_sent(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """A broadcast from the database is part of its transaction."""
    heard = await joined(await connect(gateway), "auction:2", config=PRIVATE)

    with db.transaction(force_rollback=True):
        db.execute("""select realtime.send('{"n": 1}', 'e', 'auction:2')""")
    db.execute("""select realtime.send('{"n": 2}', 'e', 'auction:2')""")

    assert 2 == (await heard.broadcast())["payload"]["n"]


async def test_broadcasts_from_sql_keep_their_order(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """Commit order, and within a transaction the order of the calls."""
    heard = await joined(await connect(gateway), "auction:3", config=PRIVATE)

    for start in range(0, 30, 10):
        db.execute(
            "select realtime.send(jsonb_build_object('n', n), 'e', 'auction:3')"
            " from generate_series(%s::int, %s) as n",
            [start, start + 9],
        )

    assert list(range(30)) == [(await heard.broadcast())["payload"]["n"] for _ in range(30)]


async def test_a_public_and_a_private_topic_are_two(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """Though they share a name."""
    public = await joined(await connect(gateway), "auction:4")
    private = await joined(await connect(gateway), "auction:4", config=PRIVATE)

    db.execute("""select realtime.send('{"is_private": true}', 'e', 'auction:4', true)""")
    db.execute("""select realtime.send('{"is_private": false}', 'e', 'auction:4', false)""")
    db.execute("""select realtime.send('{"is_private": true}', 'e', 'auction:4', true)""")

    assert (await public.broadcast())["payload"]["is_private"] is False
    assert [True, True] == [(await private.broadcast())["payload"]["is_private"] for _ in "12"]


async def test_a_private_topic_is_closed_to_those_without_a_policy(
    gateway: Gateway, connect: Connect
) -> None:
    """The join says so, and nothing else does."""
    heard = await join(await connect(gateway), "room:closed", config=PRIVATE)

    state, problem = await heard.state()

    assert RealtimeSubscribeStates.CHANNEL_ERROR == state
    reason = "Unauthorized: You do not have permissions to read from this Channel topic"
    assert f"{reason}: room:closed" in problem


async def test_members_of_a_private_topic_talk(gateway: Gateway, connect: Connect) -> None:
    """A policy for insert lets them."""
    alice = await private_room(connect, gateway, ALICE, "talk")
    bob = await private_room(connect, gateway, BOB, "talk")

    await alice.channel.send_broadcast("hi", {"n": 1})

    assert ("hi", {"n": 1}) == said(await bob.broadcast())


async def test_a_listener_without_the_policy_speaks_to_nobody(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """What it sends is dropped, and what the service sends arrives."""
    forger = await joined(await connect(gateway, gateway.token(ALICE)), "auction:5", config=PRIVATE)
    victim = await joined(await connect(gateway), "auction:5", config=PRIVATE)

    await forger.channel.send_broadcast("time_remaining", {"left_ms": 0})
    # The same socket's next broadcast on a topic of its own proves the first was dealt with.
    own = await joined(forger.channel.socket, "echo:5", config=HEARS_ITSELF)
    await own.channel.send_broadcast("e", {})
    await own.broadcast()
    db.execute("""select realtime.send('{"left_ms": 9}', 'time_remaining', 'auction:5')""")

    assert 9 == (await victim.broadcast())["payload"]["left_ms"]


async def test_a_private_join_hears_again_what_it_missed(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """Oldest first, and marked as replayed."""
    [(since,)] = db.execute("select extract(epoch from clock_timestamp()) * 1000 - 1").fetchall()
    for number in range(3):
        db.execute(
            "select realtime.send(jsonb_build_object('n', %s::int), 'e', 'auction:6')", [number]
        )
    replay = {"since": int(since), "limit": 2}
    config = {**PRIVATE, "broadcast": {**PRIVATE["broadcast"], "replay": replay}}

    heard = await joined(await connect(gateway), "auction:6", config=config)

    frames = [await heard.broadcast() for _ in range(2)]
    assert [1, 2] == [frame["payload"]["n"] for frame in frames]
    assert all(frame["meta"]["replayed"] for frame in frames)


async def test_a_public_join_cannot_replay(gateway: Gateway, connect: Connect) -> None:
    """Its broadcasts are not kept."""
    config = {**PUBLIC, "broadcast": {"replay": {"since": 0, "limit": 2}}}

    heard = await join(await connect(gateway), "open", config=config)

    state, problem = await heard.state()
    assert RealtimeSubscribeStates.CHANNEL_ERROR == state
    assert "Replay is not allowed for public channels" in problem


async def test_the_client_sends_over_http(gateway: Gateway, connect: Connect) -> None:
    """Without joining; a topic's name may hold anything a URL can quote."""
    heard = await joined(await connect(gateway), "a/b c:ü")
    sender: AsyncRealtimeClient = await connect(gateway)

    await channel(sender, "a/b c:ü", PUBLIC).http_send("e/v", {"n": 1})

    assert ("e/v", {"n": 1}) == said(await heard.broadcast())


async def test_a_batch_is_sent_over_http(gateway: Gateway, connect: Connect) -> None:
    """Private messages need the policy, and without it are dropped without a word."""
    room = await private_room(connect, gateway, BOB, "http")
    hall = await joined(await connect(gateway), "hall")
    message = {"event": "e", "payload": {"from": "anon"}}
    batch: list[dict[str, Any]] = [
        {**message, "topic": "room:http", "private": True},
        {**message, "topic": "hall"},
    ]

    anonymous = await post(gateway, None, {"messages": batch})
    batch[0]["payload"] = {"from": "alice"}
    alice = await post(gateway, gateway.token(ALICE), {"messages": batch[:1]})

    assert [(202, b""), (202, b"")] == [(a.status_code, a.content) for a in (anonymous, alice)]
    assert {"from": "anon"} == (await hall.broadcast())["payload"]
    assert {"from": "alice"} == (await room.broadcast())["payload"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"messages": 1}',
        b'{"messages": [1]}',
        b'{"messages": [{"topic": "", "event": "e", "payload": {}}]}',
        b'{"messages": [{"topic": "t", "event": "e"}]}',
        b'{"messages": [{"topic": "t", "event": "e", "payload": NaN}]}',
        b"[" * 100_000,
    ],
)
async def test_a_body_that_is_no_batch_is_refused(gateway: Gateway, body: bytes) -> None:
    """Realtime's status for it is 422."""
    response = await post(gateway, None, body)

    assert 422 == response.status_code


async def test_a_caller_without_a_key_is_refused(gateway: Gateway) -> None:
    """As every service of the gateway does."""
    async with httpx.AsyncClient() as client:
        response = await client.post(f"{gateway.config.url}/realtime/v1/api/broadcast", json={})

    assert 401 == response.status_code


async def post(gateway: Gateway, access: str | None, body: Any) -> httpx.Response:
    headers = {"apikey": gateway.keys.publishable_key}
    if access is not None:
        headers["Authorization"] = f"Bearer {access}"
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    async with httpx.AsyncClient(headers=headers) as client:
        return await client.post(f"{gateway.config.url}/realtime/v1/api/broadcast", **content)


def said(frame: Any) -> tuple[str, Any]:
    """Return what a broadcast says, without its marks."""
    return frame["event"], frame["payload"]
