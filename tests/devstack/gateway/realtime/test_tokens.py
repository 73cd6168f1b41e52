"""Tokens on the wire: renewed, worthless, over, and those that lose a permission.

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
    """Join as a user, and read what answers it."""
    frame = join_frame("1", topic, **config)
    frame[4]["access_token"] = token
    await client.send(frame)
    assert "ok" == (await client.receive())[4]["status"]
    if "postgres_changes" in config:
        assert "Subscribed to PostgreSQL" == (await client.receive())[4]["message"]


async def renew(client: Wire, topic: str, token: Any) -> None:
    """Push another token, as clients do when theirs is refreshed."""
    body = {"access_token": token}
    await client.send(["1", "2", f"realtime:{topic}", "access_token", body])


async def is_shut(client: Wire, topic: str) -> str:
    """Return why the channel is closed for good."""
    _, _, name, event, payload = await client.receive()
    assert ("system", f"realtime:{topic}") == (event, name)
    assert ("system", "error", topic) == tuple(
        payload[key] for key in ("extension", "status", "channel")
    )
    assert "phx_close" == (await client.receive())[3]
    return str(payload["message"])


@pytest.mark.parametrize("pushed", [None, "sb_publishable_x", "the same", 1, {}])
async def test_a_token_that_is_none_changes_nothing(gateway: Gateway, pushed: Any) -> None:
    """Nothing answers it, and the channel lives on."""
    token = gateway.token(ALICE)
    async with wire(gateway) as client:
        await enter(client, "same", token, broadcast={"ack": True})

        await renew(client, "same", token if pushed == "the same" else pushed)

        body = {"type": "broadcast", "event": "e", "payload": {}}
        await client.send(["1", "3", "realtime:same", "broadcast", body])
        answer = await client.receive()
        assert ("3", "ok") == (answer[1], answer[4]["status"])


async def test_a_worthless_token_closes_the_channel(gateway: Gateway) -> None:
    """With the reason that a join would be refused for."""
    foreign = f"{gateway.token(ALICE)[:-8]}AAAAAAAA"
    over = gateway.keys.sign({"role": "authenticated", "exp": int(time.time()) - 5})
    reasons = {
        "nonsense": "The token provided is not a valid JWT",
        foreign: "Failed to validate JWT signature",
        over: "Token has expired ",
        gateway.keys.sign({"sub": ALICE}): "Fields `role` and `exp` are required in JWT",
    }
    async with wire(gateway) as client:
        for token, reason in reasons.items():
            await enter(client, "worthless", gateway.token(ALICE))
            await renew(client, "worthless", token)
            assert (await is_shut(client, "worthless")).startswith(reason)


async def test_a_new_token_subscribes_anew(
    db: psycopg.Connection, gateway: Gateway, numbers: Iterator[int]
) -> None:
    """The client is told so, and sees what the new user may see."""
    alices, bobs = next(numbers), next(numbers)
    binding = {"schema": "public", "table": "things"}
    async with wire(gateway) as client:
        await enter(client, "anew", gateway.token(ALICE), postgres_changes=[binding])

        await renew(client, "anew", gateway.token(BOB))
        assert "Subscribed to PostgreSQL" == (await client.receive())[4]["message"]
        db.execute("insert into things (id, owner_id) values (%s, %s)", [alices, ALICE])
        db.execute("insert into things (id, owner_id) values (%s, %s)", [bobs, BOB])

        assert bobs == (await client.receive())[4]["data"]["record"]["id"]


async def test_a_token_that_loses_a_part_closes_the_channel(gateway: Gateway) -> None:
    """Here presence, while broadcasts could still be heard."""
    topic = "auction:part"
    service, alice = gateway.keys.service_role_jwt, gateway.token(ALICE)
    presence = {"key": "k", "enabled": True}
    async with wire(gateway) as client:
        await enter(client, topic, service, private=True, presence=presence)
        assert "presence_state" == (await client.receive())[3]

        await renew(client, topic, alice)

        reason = "You no longer have permission to read from this Channel topic: auction:part"
        assert reason == await is_shut(client, topic)


async def test_a_token_that_opens_nothing_closes_the_channel(gateway: Gateway) -> None:
    """A private topic that the new user may not hear."""
    async with wire(gateway) as client:
        await enter(client, "room:shut", gateway.token(ALICE), private=True)

        await renew(client, "room:shut", gateway.keys.anon_jwt)

        reason = "You do not have permissions to read from this Channel topic: room:shut"
        assert reason == await is_shut(client, "room:shut")
