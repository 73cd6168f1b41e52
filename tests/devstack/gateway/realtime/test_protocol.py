"""The frames of both protocol versions, refused connections and hostile clients."""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.gateways import Gateway
from tests.support.wires import Wire, binary, join_frame, join_object, wire


pytestmark = pytest.mark.anyio

#: Frames of a megabyte in all: more than the buffers of the server and of both kernels.
FLOOD = 30
#: More frames than a channel keeps while its join is pending.
WAITING = 300


async def test_a_heartbeat_is_answered_in_version_2(gateway: Gateway) -> None:
    """A heartbeat's reply has its reference, or JavaScript's client ends the connection."""
    async with wire(gateway) as client:
        await client.send([None, "7", "phoenix", "heartbeat", {}])

        reply = {"status": "ok", "response": {}}
        assert [None, "7", "phoenix", "phx_reply", reply] == await client.receive()


async def test_a_heartbeat_is_answered_in_version_1(gateway: Gateway) -> None:
    """A heartbeat's reply in version 1 has the null reference of Python's client."""
    async with wire(gateway, vsn="1.0.0") as client:
        await client.send({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": None})

        assert {
            "topic": "phoenix",
            "event": "phx_reply",
            "payload": {"status": "ok", "response": {}},
            "ref": None,
        } == await client.receive()


async def test_version_2_joins_listens_and_leaves(
    owner: psycopg.Connection, gateway: Gateway, numbers: Iterator[int]
) -> None:
    """The join's reply has the bindings as they came; equal ones have equal ids."""
    id_ = next(numbers)
    params = {"event": "INSERT", "schema": "public", "table": "notes", "filter": f"id=eq.{id_}"}
    async with wire(gateway) as client:
        await client.send(join_frame("1", "w", postgres_changes=[params, params]))
        join_ref, ref, topic, event, payload = await client.receive()
        assert ("1", "1", "realtime:w", "phx_reply") == (join_ref, ref, topic, event)
        first, second = payload["response"]["postgres_changes"]
        number = first.pop("id")
        assert params == first
        assert {**params, "id": number} == second
        assert 0 < number < 2**31
        assert {
            "channel": "w",
            "extension": "postgres_changes",
            "message": "Subscribed to PostgreSQL",
            "status": "ok",
        } == (await client.receive())[4]

        owner.execute("insert into notes values (%s, 'x')", [id_])

        change = await client.receive()
        assert [None, None, "realtime:w", "postgres_changes"] == change[:4]
        assert [number] == change[4]["ids"]
        assert {"id": id_, "body": "x"} == change[4]["data"]["record"]

        await client.send(["1", "2", "realtime:w", "phx_leave", {}])
        reply = {"status": "ok", "response": {}}
        assert ["1", "2", "realtime:w", "phx_reply", reply] == await client.receive()
        assert ["1", "1", "realtime:w", "phx_close", {}] == await client.receive()


async def test_version_2_broadcasts_in_binary_to_both_versions(gateway: Gateway) -> None:
    """A binary broadcast reaches both versions; its bytes reach only version 2."""
    async with wire(gateway) as new, wire(gateway, vsn="1.0.0") as old:
        await new.send(join_frame("1", "mixed", broadcast={"self": True, "ack": True}))
        await new.receive()
        await old.send({**join_object("mixed"), "ref": "1"})
        await old.receive()

        await new.send(binary("1", "2", "realtime:mixed", "raw", "", encoding=0, payload=b"\xff"))
        await new.send(binary("1", "3", "realtime:mixed", "e", "", encoding=1, payload=b'{"a":1}'))

        assert bytes([4, 14, 3, 0, 0]) + b"realtime:mixedraw\xff" == await new.receive()
        assert ["1", "2", "realtime:mixed", "phx_reply"] == (await new.receive())[:4]
        assert bytes([4, 14, 1, 0, 1]) + b'realtime:mixede{"a":1}' == await new.receive()
        assert {
            "topic": "realtime:mixed",
            "event": "broadcast",
            "payload": {"type": "broadcast", "event": "e", "payload": {"a": 1}},
            "ref": None,
        } == await old.receive()


async def test_a_second_join_replaces_the_first(gateway: Gateway) -> None:
    """A second join of a topic replaces the first, which sends no close afterwards."""
    async with wire(gateway) as client:
        await client.send(join_frame("1", "again", broadcast={"self": True}))
        await client.receive()
        await client.send(join_frame("2", "again", broadcast={"self": True}))
        assert ["2", "2"] == (await client.receive())[:2]

        await client.send(["1", "3", "realtime:again", "phx_leave", {}])
        await client.send(["2", "4", "realtime:again", "broadcast", {"event": "e", "payload": {}}])

        assert isinstance(await client.receive(), bytes)


async def test_a_topic_that_was_not_joined_is_unmatched(gateway: Gateway) -> None:
    """A frame on a topic without a join is unmatched; a leave succeeds."""
    async with wire(gateway) as client:
        await client.send(["1", "1", "realtime:x", "broadcast", {"event": "e"}])
        assert "unmatched topic" == (await client.receive())[4]["response"]["reason"]

        await client.send(["1", "2", "realtime:x", "phx_leave", {}])
        assert "ok" == (await client.receive())[4]["status"]


async def test_frames_before_a_refused_join_are_answered(gateway: Gateway) -> None:
    """Realtime answers every frame that waited for a refused join."""
    async with wire(gateway) as client:
        await client.send(join_frame("1", "room:refused", private=True))
        for _ in range(WAITING):
            await client.send(["1", None, "realtime:room:refused", "broadcast", {"event": "e"}])
        await client.send(["1", "2", "realtime:room:refused", "broadcast", {"event": "e"}])
        await client.send(["1", "3", "realtime:room:refused", "phx_leave", {}])

        answers = [await client.receive() for _ in range(3)]

    assert [("1", "error"), ("2", "error"), ("3", "ok")] == [
        (answer[1], answer[4]["status"]) for answer in answers
    ]
    assert "unmatched topic" == answers[1][4]["response"]["reason"]


async def test_a_join_survives_nonsense_in_its_payload(gateway: Gateway) -> None:
    """Realtime ignores the parts of a join's payload that it cannot read."""
    payloads: list[Any] = [
        None,
        [],
        "x",
        {"config": 1},
        {"config": {"broadcast": 1, "presence": []}},
    ]
    async with wire(gateway) as client:
        for number, payload in enumerate(payloads):
            ref = str(number)
            await client.send([ref, ref, f"realtime:{ref}", "phx_join", payload])
            assert "ok" == (await client.receive())[4]["status"]


async def test_a_token_in_the_join_must_be_good(gateway: Gateway) -> None:
    """Realtime refuses each kind of bad token with its own reason."""
    expired = gateway.tokens.sign({"role": "authenticated", "exp": int(time.time()) - 90})
    roleless = gateway.tokens.sign({"exp": int(time.time()) + 90})
    foreign = f"{expired[:-8]}AAAAAAAA"
    reasons = {
        "nonsense": "MalformedJWT: The token provided is not a valid JWT",
        expired: "InvalidJWTToken: Token has expired 9",
        roleless: "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
        foreign: "JwtSignatureError: Failed to validate JWT signature",
    }
    async with wire(gateway) as client:
        for token, reason in reasons.items():
            payload = {"config": {}, "access_token": token}
            await client.send(["1", "1", "realtime:t", "phx_join", payload])
            answer = (await client.receive())[4]
            assert "error" == answer["status"]
            assert answer["response"]["reason"].startswith(reason)


@pytest.mark.parametrize("key", ["nonsense", "sb_secret_nonsense"])
async def test_a_bad_key_does_not_open_a_socket(gateway: Gateway, key: str) -> None:
    """Realtime answers the upgrade with 401 and a reason."""
    with pytest.raises(InvalidStatus) as refusal:
        async with wire(gateway, key=key):
            pass

    assert 401 == refusal.value.response.status_code
    assert "error" in json.loads(refusal.value.response.body or b"")


async def test_another_version_does_not_open_a_socket(gateway: Gateway) -> None:
    """Realtime refuses an unknown protocol version."""
    with pytest.raises(InvalidStatus) as refusal:
        async with wire(gateway, vsn="3.0.0"):
            pass

    assert 400 == refusal.value.response.status_code


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 1007),
        ("[]", 1007),
        ("[" * 100_000, 1007),
        (b"", 1007),
        (b"\x03\xff\xff", 1007),
        (b"\x01\x00\x00", 1007),
        ("x" * 5_000_001, 1009),
    ],
)
async def test_a_hostile_frame_ends_its_own_connection_alone(
    gateway: Gateway, frame: str | bytes, code: int
) -> None:
    """The server closes a hostile connection with a reason, and serves the others."""
    async with wire(gateway) as other, wire(gateway) as client:
        with contextlib.suppress(ConnectionClosed):
            await client.socket.send(frame)

        assert code == (await client.closing())[0]
        await other.send([None, "1", "phoenix", "heartbeat", {}])
        assert "1" == (await other.receive())[1]


async def test_broken_utf8_ends_its_own_connection_alone(gateway: Gateway) -> None:
    """The server closes a connection whose text frame is no UTF-8."""
    async with wire(gateway) as other, wire(gateway) as client:
        await client.socket.send(b'["\xff"]', text=True)

        assert 1007 == (await client.closing())[0]
        await other.send([None, "1", "phoenix", "heartbeat", {}])
        assert "1" == (await other.receive())[1]


async def test_a_frame_just_below_the_bound_is_served(gateway: Gateway) -> None:
    """Realtime refuses a broadcast that is too large, and keeps the connection."""
    async with wire(gateway) as client:
        await client.send(join_frame("1", "large", broadcast={"ack": True}))
        await client.receive()

        payload = {"event": "e", "payload": {"x": "y" * 4_900_000}}
        await client.send(["1", "2", "realtime:large", "broadcast", payload])

        answer = await client.receive()
        assert ("2", "error") == (answer[1], answer[4]["status"])


async def test_a_client_that_does_not_read_is_disconnected(gateway: Gateway) -> None:
    """The server limits what waits for a slow client; the others get everything."""
    async with wire(gateway) as slow, wire(gateway) as sender, wire(gateway) as other:
        for number, client in enumerate((slow, sender, other)):
            await client.send(join_frame(str(number), "flood"))
            await client.receive()
        slow.socket.transport.pause_reading()

        payload = {"event": "e", "payload": {"x": "y" * 1_000_000}}
        for _ in range(FLOOD):
            await sender.send(["1", None, "realtime:flood", "broadcast", payload])
            await other.receive()

        slow.socket.transport.resume_reading()
        assert FLOOD > await count_broadcasts(slow, FLOOD)


async def count_broadcasts(client: Wire, expected: int) -> int:
    """Count the broadcasts until `expected` have come or the connection ends."""
    count = 0
    try:
        while count < expected:
            await client.receive()
            count += 1
    except ConnectionClosed:
        pass
    return count
