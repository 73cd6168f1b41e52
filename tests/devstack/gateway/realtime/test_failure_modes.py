"""The failure modes of Realtime, seen by the official client."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from devstack.supervisor.processes import wait_until
from tests.support.gateway_control import GatewayControl
from tests.support.gateways import Gateway
from tests.support.listening import PUBLIC, Connect, Heard, join, joined
from tests.support.waits import ANSWER_S
from tests.support.wires import join_frame, wire


pytestmark = [
    pytest.mark.anyio,
    # The client reads the close code in a way that websockets deprecates.
    pytest.mark.filterwarnings("ignore:ConnectionClosed.* is deprecated:DeprecationWarning"),
]

ALICE = str(uuid.uuid5(uuid.NAMESPACE_DNS, "alice"))
SUBSCRIBED, ERROR, CLOSED = (
    RealtimeSubscribeStates.SUBSCRIBED,
    RealtimeSubscribeStates.CHANNEL_ERROR,
    RealtimeSubscribeStates.CLOSED,
)
HEARTBEAT: list[Any] = [None, "9", "phoenix", "heartbeat", {}]


async def test_a_silent_realtime_answers_and_sends_no_change(
    owner: psycopg.Connection,
    gateway: Gateway,
    control: GatewayControl,
    numbers: Iterator[int],
) -> None:
    """In mode `silent` heartbeats and joins work, and changes are lost."""
    lost, sent = next(numbers), next(numbers)
    async with wire(gateway) as client:
        await client.send(join_frame("1", "silent", postgres_changes=[{"table": "notes"}]))
        assert "phx_reply" == (await client.receive())[3]
        assert "system" == (await client.receive())[3]

        await asyncio.to_thread(control.set_realtime, "silent")
        owner.execute("insert into notes values (%s)", [lost])
        await client.send(HEARTBEAT)
        assert "9" == (await client.receive())[1]
        await client.send(join_frame("2", "silent as well", postgres_changes=[{"table": "notes"}]))
        assert ["2", "2"] == (await client.receive())[:2]
        await until_the_wal_is_read(owner)
        # Realtime reads the WAL again only after it has sent the changes of the read before.
        owner.execute("insert into closed values (%s)", [lost])
        await until_the_wal_is_read(owner)

        await asyncio.to_thread(control.clear)
        owner.execute("insert into notes values (%s)", [sent])
        assert sent == (await client.receive())[4]["data"]["record"]["id"]


async def test_a_deaf_realtime_answers_nothing_and_sends_changes(
    owner: psycopg.Connection,
    gateway: Gateway,
    control: GatewayControl,
    numbers: Iterator[int],
) -> None:
    """In mode `deaf` Realtime answers nothing, not even a heartbeat, and still sends changes."""
    id_ = next(numbers)
    async with wire(gateway) as client:
        await client.send(join_frame("1", "deaf", postgres_changes=[{"table": "notes"}]))
        assert "phx_reply" == (await client.receive())[3]
        assert "system" == (await client.receive())[3]

        await asyncio.to_thread(control.set_realtime, "deaf")
        await client.send(HEARTBEAT)
        await client.send(join_frame("2", "deaf as well"))
        # The server itself answers a ping, which proves that it read the frames before it.
        await (await client.socket.ping())
        owner.execute("insert into notes values (%s)", [id_])
        assert id_ == (await client.receive())[4]["data"]["record"]["id"]

        await asyncio.to_thread(control.clear)
        await client.send([None, "10", "phoenix", "heartbeat", {}])
        assert "10" == (await client.receive())[1]


async def test_a_closing_realtime_closes_sockets_and_refuses_joins(
    gateway: Gateway, control: GatewayControl
) -> None:
    """In mode `closing` Realtime closes sockets with the code of a restart and its own reason."""
    async with wire(gateway) as client:
        await client.send(join_frame("1", "closing"))
        assert "ok" == (await client.receive())[4]["status"]

        await asyncio.to_thread(control.set_realtime, "closing")
        assert (1012, "service restart") == await client.closing()

    async with wire(gateway) as client:
        await client.send(join_frame("1", "closing"))
        answer = (await client.receive())[4]
        assert "error" == answer["status"]
        reason = "RealtimeRestarting: Realtime is restarting, please standby"
        assert {"reason": reason} == answer["response"]


async def test_the_client_comes_back_to_a_realtime_that_was_closing(
    owner: psycopg.Connection,
    gateway: Gateway,
    connect: Connect,
    control: GatewayControl,
    numbers: Iterator[int],
) -> None:
    """The client connects again by itself after the mode `closing`."""
    id_ = next(numbers)
    client = await connect(gateway, gateway.keys.service_role_jwt)
    heard = await joined(client, "comes back", {"table": "notes"})

    await asyncio.to_thread(control.set_realtime, "closing")
    assert ERROR == (await heard.state())[0]
    await asyncio.to_thread(control.clear)

    while SUBSCRIBED != (await heard.state())[0]:
        pass
    assert "Subscribed to PostgreSQL" == await heard.system()
    owner.execute("insert into notes values (%s)", [id_])
    assert id_ == (await heard.change())["record"]["id"]


async def test_expired_tokens_close_the_channels_of_users_alone(
    owner: psycopg.Connection,
    gateway: Gateway,
    connect: Connect,
    control: GatewayControl,
    numbers: Iterator[int],
) -> None:
    """The mode of expired tokens closes the channels of users with a reason, and no API key's."""
    id_ = next(numbers)
    alice = await connect(gateway, gateway.token(ALICE))
    users = await joined(alice, "over", {"table": "notes"})
    keys = await joined(await connect(gateway), "over", {"table": "notes"})

    await asyncio.to_thread(control.set_realtime, "expired")

    await wait_for_expiry(users)
    owner.execute("insert into notes values (%s)", [id_])
    assert id_ == (await keys.change())["record"]["id"]
    refused = await join(alice, "over", config=PUBLIC)
    state, problem = await refused.state()
    assert ERROR == state
    assert "InvalidJWTToken: Token has expired" in problem


async def test_a_user_joins_again_when_tokens_are_good_again(
    gateway: Gateway, connect: Connect, control: GatewayControl
) -> None:
    """The user joins again on a new channel of the topic, because the client drops the old one."""
    alice: AsyncRealtimeClient = await connect(gateway, gateway.token(ALICE))
    heard = await joined(alice, "over and on")
    await asyncio.to_thread(control.set_realtime, "expired")
    await wait_for_expiry(heard)

    await asyncio.to_thread(control.clear)

    await joined(alice, "over and on")


async def wait_for_expiry(heard: Heard) -> None:
    """Wait until the channel has its closing reason and is closed."""
    state, problem = await heard.state()
    assert ERROR == state
    assert "Token has expired" in problem
    assert CLOSED == (await heard.state())[0]


async def until_the_wal_is_read(owner: psycopg.Connection) -> None:
    """Wait until the gateway has read all that has committed so far."""
    [(position,)] = owner.execute("select pg_current_wal_lsn()").fetchall()
    query = """
      select exists (
        select from pg_replication_slots
        where database = current_database() and confirmed_flush_lsn >= %s::pg_lsn
      )
    """
    assert await asyncio.to_thread(
        wait_until, lambda: owner.execute(query, [position]).fetchone() == (True,), ANSWER_S
    )
