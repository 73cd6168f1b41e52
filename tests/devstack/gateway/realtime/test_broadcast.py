"""Broadcasts between clients and over HTTP, on public and private topics.

https://supabase.com/docs/guides/realtime/broadcast
https://supabase.com/docs/guides/realtime/authorization
"""

import uuid
from typing import Any

import httpx
import psycopg
import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from tests.support.gateways import Gateway
from tests.support.listening import (
    PRIVATE,
    PUBLIC,
    Connect,
    Heard,
    channel,
    join,
    joined,
)
from tests.support.waits import ANSWER_S
from tests.support.wires import join_frame, wire


pytestmark = pytest.mark.anyio

ALICE, BOB = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("alice", "bob"))

RECEIVES_OWN = {**PUBLIC, "broadcast": {"ack": True, "self": True}}


async def private_room(connect: Connect, gateway: Gateway, user_id: str, name: str) -> Heard:
    client = await connect(gateway, gateway.token(user_id))
    return await joined(client, f"room:{name}", config=PRIVATE)


async def test_the_others_hear_a_broadcast_and_the_sender_does_not(
    gateway: Gateway, connect: Connect
) -> None:
    """A broadcast reaches the other members, and not its sender by default."""
    sender = await joined(await connect(gateway), "talk")
    other = await joined(await connect(gateway), "talk")

    await sender.channel.send_broadcast("one", {"n": 1})
    assert ("one", {"n": 1}) == contents_of(await other.broadcast())
    await other.channel.send_broadcast("two", {"n": 2})

    assert ("two", {"n": 2}) == contents_of(await sender.broadcast())


async def test_a_sender_hears_itself_on_demand(gateway: Gateway, connect: Connect) -> None:
    """A sender receives its own broadcasts if its join asks for that."""
    heard = await joined(await connect(gateway), "echo", config=RECEIVES_OWN)

    await heard.channel.send_broadcast("canary", {"n": 1})

    assert ("canary", {"n": 1}) == contents_of(await heard.broadcast())


async def test_a_broadcast_is_acknowledged_on_demand(gateway: Gateway, connect: Connect) -> None:
    """The reply to an acknowledged broadcast has the push's own reference."""
    heard = await joined(await connect(gateway), "ack", config=RECEIVES_OWN)

    push = await heard.channel.push("broadcast", {"type": "broadcast", "event": "e", "payload": {}})
    await heard.broadcast()
    await heard.channel.send_broadcast("after", {})
    await heard.broadcast()

    assert push.received_resp is not None
    assert "ok" == push.received_resp[0]


async def test_a_private_topic_is_closed_to_those_without_a_policy(
    gateway: Gateway, connect: Connect
) -> None:
    """Realtime refuses to join a private topic without a policy."""
    heard = await join(await connect(gateway), "room:closed", config=PRIVATE)

    state, problem = await heard.state()

    assert RealtimeSubscribeStates.CHANNEL_ERROR == state
    reason = "Unauthorized: You do not have permissions to read from this Channel topic"
    assert f"{reason}: room:closed" in problem


async def test_members_of_a_private_topic_talk(gateway: Gateway, connect: Connect) -> None:
    """An insert policy lets the members of a private topic send."""
    alice = await private_room(connect, gateway, ALICE, "talk")
    bob = await private_room(connect, gateway, BOB, "talk")

    await alice.channel.send_broadcast("hi", {"n": 1})

    assert ("hi", {"n": 1}) == contents_of(await bob.broadcast())


async def test_a_listener_without_the_policy_sends_nothing(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """Realtime drops a message without an insert policy, and delivers the service's messages."""
    forger = await joined(await connect(gateway, gateway.token(ALICE)), "auction:5", config=PRIVATE)
    receiver = await joined(await connect(gateway), "auction:5", config=PRIVATE)

    await forger.channel.send_broadcast("time_remaining", {"left_ms": 0})
    # The same socket's next broadcast on another topic proves that Realtime has handled the first.
    own = await joined(forger.channel.socket, "echo:5", config=RECEIVES_OWN)
    await own.channel.send_broadcast("e", {})
    await own.broadcast()
    owner.execute("""select realtime.send('{"left_ms": 9}', 'time_remaining', 'auction:5')""")

    assert 9 == (await receiver.broadcast())["payload"]["left_ms"]


async def test_the_client_sends_over_http(gateway: Gateway, connect: Connect) -> None:
    """The client sends over HTTP without a join, to a topic of any name."""
    heard = await joined(await connect(gateway), "a/b c:ü")
    sender: AsyncRealtimeClient = await connect(gateway)

    await channel(sender, "a/b c:ü", PUBLIC).http_send("e/v", {"n": 1})

    assert ("e/v", {"n": 1}) == contents_of(await heard.broadcast())


async def test_bytes_are_sent_over_http(gateway: Gateway, connect: Connect) -> None:
    """A broadcast of bytes reaches only clients of the protocol that can carry them."""
    old = await joined(await connect(gateway), "bytes")
    sender = channel(await connect(gateway), "bytes", PUBLIC)
    async with wire(gateway) as new:
        await new.send(join_frame("1", "bytes"))
        await new.receive()

        await sender.http_send("raw", b"\x00\xff")
        await sender.http_send("json", {"n": 1})

        assert bytes([4, 14, 3, 0, 0]) + b"realtime:bytesraw\x00\xff" == await new.receive()
    assert ("json", {"n": 1}) == contents_of(await old.broadcast())


async def test_a_private_topic_is_sent_to_over_http(gateway: Gateway, connect: Connect) -> None:
    """Realtime accepts any private message over HTTP, and delivers those that a policy allows."""
    room = await private_room(connect, gateway, BOB, "path")
    topic = room.channel.topic.removeprefix("realtime:")

    await channel(await connect(gateway), topic, PRIVATE).http_send("e", {"from": "anon"})
    alice = await connect(gateway, gateway.token(ALICE))
    await channel(alice, topic, PRIVATE).http_send("e", {"from": "alice"})

    assert {"from": "alice"} == (await room.broadcast())["payload"]


async def test_another_type_of_body_is_refused(gateway: Gateway) -> None:
    """The endpoint of one message refuses another media type.

    https://github.com/supabase/realtime/blob/main/lib/realtime_web/plugs/validate_broadcast_content_type.ex
    """
    url = f"{gateway.url}/realtime/v1/api/broadcast/t/events/e"
    headers = {"apikey": gateway.keys.publishable_key, "Content-Type": "text/plain"}
    async with httpx.AsyncClient(timeout=ANSWER_S) as client:
        response = await client.post(url, content=b"x", headers=headers)

    assert 415 == response.status_code
    assert response.json()["error"].startswith("Unsupported Media Type.")


async def test_a_batch_is_sent_over_http(gateway: Gateway, connect: Connect) -> None:
    """Realtime silently drops the private messages of a batch that no policy allows."""
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
    """Realtime answers a body that is no batch with 422."""
    response = await post(gateway, None, body)

    assert 422 == response.status_code


async def test_a_caller_without_a_key_is_refused(gateway: Gateway) -> None:
    """The gateway refuses a caller without a key."""
    async with httpx.AsyncClient(timeout=ANSWER_S) as client:
        response = await client.post(f"{gateway.config.url}/realtime/v1/api/broadcast", json={})

    assert 401 == response.status_code


async def post(gateway: Gateway, access: str | None, body: Any) -> httpx.Response:
    headers = {"apikey": gateway.keys.publishable_key}
    if access is not None:
        headers["Authorization"] = f"Bearer {access}"
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    async with httpx.AsyncClient(headers=headers, timeout=ANSWER_S) as client:
        return await client.post(f"{gateway.config.url}/realtime/v1/api/broadcast", **content)


def contents_of(frame: Any) -> tuple[str, Any]:
    """Return the contents of a broadcast, without its metadata."""
    return frame["event"], frame["payload"]
