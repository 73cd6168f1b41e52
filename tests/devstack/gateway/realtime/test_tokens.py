"""Access tokens in frames: renewed, malformed, expired, and with fewer permissions.

https://supabase.com/docs/guides/realtime/protocol, and
https://github.com/supabase/realtime/blob/main/lib/realtime_web/channels/realtime_channel.ex
"""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support.gateways import Gateway
from tests.support.wires import Wire, join_frame, wire


pytestmark = pytest.mark.anyio

ALICE, BOB = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("alice", "bob"))


async def enter(client: Wire, topic: str, token: str, **config: Any) -> None:
    """Join as a user; return the reply's first frame."""
    frame = join_frame("1", topic, **config)
    frame[4]["access_token"] = token
    await client.send(frame)
    assert "ok" == (await client.receive())[4]["status"]
    if "postgres_changes" in config:
        assert "Subscribed to PostgreSQL" == (await client.receive())[4]["message"]


async def renew(client: Wire, topic: str, token: Any) -> None:
    """Push another token, as clients do after a refresh."""
    body = {"access_token": token}
    await client.send(["1", "2", f"realtime:{topic}", "access_token", body])


async def closing_reason(client: Wire, topic: str) -> str:
    """Return the reason for which Realtime closed the channel."""
    _, _, name, event, payload = await client.receive()
    assert ("system", f"realtime:{topic}") == (event, name)
    assert ("system", "error", topic) == tuple(
        payload[key] for key in ("extension", "status", "channel")
    )
    assert "phx_close" == (await client.receive())[3]
    return str(payload["message"])


@pytest.mark.parametrize("pushed", [None, "sb_publishable_x", "the same", 1, {}])
async def test_a_token_that_is_none_changes_nothing(gateway: Gateway, pushed: Any) -> None:
    """Realtime ignores a token that is no text, and keeps the channel."""
    token = gateway.token(ALICE)
    async with wire(gateway) as client:
        await enter(client, "same", token, broadcast={"ack": True})

        await renew(client, "same", token if pushed == "the same" else pushed)

        body = {"type": "broadcast", "event": "e", "payload": {}}
        await client.send(["1", "3", "realtime:same", "broadcast", body])
        answer = await client.receive()
        assert ("3", "ok") == (answer[1], answer[4]["status"])


async def test_a_worthless_token_closes_the_channel(gateway: Gateway) -> None:
    """A bad token closes the channel, with the reason that refuses a join."""
    foreign = f"{gateway.token(ALICE)[:-8]}AAAAAAAA"
    over = gateway.tokens.sign({"role": "authenticated", "exp": int(time.time()) - 5})
    reasons = {
        "nonsense": "The token provided is not a valid JWT",
        foreign: "Failed to validate JWT signature",
        over: "Token has expired ",
        gateway.tokens.sign({"sub": ALICE}): "Fields `role` and `exp` are required in JWT",
    }
    async with wire(gateway) as client:
        for token, reason in reasons.items():
            await enter(client, "worthless", gateway.token(ALICE))
            await renew(client, "worthless", token)
            assert (await closing_reason(client, "worthless")).startswith(reason)


async def test_a_new_token_subscribes_anew(
    owner: psycopg.Connection, gateway: Gateway, numbers: Iterator[int]
) -> None:
    """A new token subscribes again, and its user's rows arrive."""
    alices, bobs = next(numbers), next(numbers)
    binding = {"schema": "public", "table": "things"}
    async with wire(gateway) as client:
        await enter(client, "anew", gateway.token(ALICE), postgres_changes=[binding])

        await renew(client, "anew", gateway.token(BOB))
        assert "Subscribed to PostgreSQL" == (await client.receive())[4]["message"]
        owner.execute("insert into things (id, owner_id) values (%s, %s)", [alices, ALICE])
        owner.execute("insert into things (id, owner_id) values (%s, %s)", [bobs, BOB])

        assert bobs == (await client.receive())[4]["data"]["record"]["id"]


async def test_a_token_that_loses_a_part_closes_the_channel(gateway: Gateway) -> None:
    """A token that loses presence closes the channel, although broadcasts are still allowed."""
    topic = "auction:part"
    service, alice = gateway.keys.service_role_jwt, gateway.token(ALICE)
    presence = {"key": "k", "enabled": True}
    async with wire(gateway) as client:
        await enter(client, topic, service, private=True, presence=presence)
        assert "presence_state" == (await client.receive())[3]

        await renew(client, topic, alice)

        reason = "You no longer have permission to read from this Channel topic: auction:part"
        assert reason == await closing_reason(client, topic)


async def test_a_token_that_opens_nothing_closes_the_channel(gateway: Gateway) -> None:
    """A token whose user may not read the private topic closes the channel."""
    async with wire(gateway) as client:
        await enter(client, "room:shut", gateway.token(ALICE), private=True)

        await renew(client, "room:shut", gateway.keys.anon_jwt)

        reason = "You do not have permissions to read from this Channel topic: room:shut"
        assert reason == await closing_reason(client, "room:shut")
