"""Presence, as the official client tracks it."""

import asyncio
from typing import Any

import pytest
from realtime import AsyncRealtimeChannel

from tests.support.gateways import TIMEOUT_S, Gateway
from tests.support.listening import PUBLIC, Connect, channel


pytestmark = pytest.mark.anyio


class Room:
    """One client's view of the presence state."""

    def __init__(self, entered: AsyncRealtimeChannel) -> None:
        self.channel = entered
        self._changed = asyncio.Event()

    def note(self) -> None:
        """Take note of a changed state."""
        self._changed.set()

    async def holds(self, expected: dict[str, list[dict[str, Any]]]) -> None:
        """Wait until the state is `expected`."""
        async with asyncio.timeout(TIMEOUT_S):
            while expected != self._state():
                await self._changed.wait()
                self._changed.clear()

    def _state(self) -> dict[str, list[dict[str, Any]]]:
        return {
            key: [{k: v for k, v in meta.items() if k != "presence_ref"} for meta in metas]
            for key, metas in self.channel.presence_state().items()
        }


async def enter(connect: Connect, gateway: Gateway, key: str, topic: str) -> Room:
    client = await connect(gateway)
    config = {**PUBLIC, "presence": {"key": key, "enabled": True}}
    room = Room(channel(client, topic, config))
    room.channel.on_presence_sync(room.note)
    await room.channel.subscribe()
    return room


async def test_the_presence_state_reaches_all(gateway: Gateway, connect: Connect) -> None:
    """A track reaches every member, the sender too."""
    alice = await enter(connect, gateway, "alice", "lobby:1")
    bob = await enter(connect, gateway, "bob", "lobby:1")

    await alice.channel.track({"mood": "good"})

    for room in (alice, bob):
        await room.holds({"alice": [{"mood": "good"}]})


async def test_a_new_member_gets_the_presence_state(gateway: Gateway, connect: Connect) -> None:
    """A new member gets the presence state right after the join."""
    alice = await enter(connect, gateway, "alice", "lobby:2")
    await alice.channel.track({})
    await alice.holds({"alice": [{}]})

    bob = await enter(connect, gateway, "bob", "lobby:2")

    await bob.holds({"alice": [{}]})


async def test_a_second_track_replaces_the_first(gateway: Gateway, connect: Connect) -> None:
    """A second track replaces the client's first state."""
    alice = await enter(connect, gateway, "alice", "lobby:3")
    bob = await enter(connect, gateway, "bob", "lobby:3")
    await alice.channel.track({"n": 1})
    await bob.holds({"alice": [{"n": 1}]})

    await alice.channel.track({"n": 2})

    for room in (alice, bob):
        await room.holds({"alice": [{"n": 2}]})


async def test_a_member_who_leaves_is_removed(gateway: Gateway, connect: Connect) -> None:
    """Untrack, leave and a closed socket remove the client's state."""
    watcher = await enter(connect, gateway, "watcher", "lobby:4")
    untracker, leaver, hanger_up = [
        await enter(connect, gateway, key, "lobby:4") for key in ("a", "b", "c")
    ]
    for room in (untracker, leaver, hanger_up):
        await room.channel.track({})
    await watcher.holds({"a": [{}], "b": [{}], "c": [{}]})

    await untracker.channel.untrack()
    await watcher.holds({"b": [{}], "c": [{}]})
    await leaver.channel.unsubscribe()
    await watcher.holds({"c": [{}]})
    await hanger_up.channel.socket.close()
    await watcher.holds({})
