"""Presence: the state that the official client tracks, frames, limit, errors and policies.

https://supabase.com/docs/guides/realtime/presence, and
https://github.com/supabase/realtime/blob/main/lib/realtime_web/channels/realtime_channel/presence_handler.ex
"""

import asyncio
import uuid
from typing import Any

import pytest
from realtime import AsyncRealtimeChannel

from tests.support.gateways import Gateway
from tests.support.listening import PUBLIC, Connect, channel
from tests.support.waits import ANSWER_S
from tests.support.wires import Wire, join_frame, wire


pytestmark = pytest.mark.anyio


class Room:
    """One client's view of the presence state."""

    def __init__(self, entered: AsyncRealtimeChannel) -> None:
        self.channel = entered
        self._changed = asyncio.Event()

    def note_change(self) -> None:
        """Take note of a changed state."""
        self._changed.set()

    async def wait_until_equal(self, expected: dict[str, list[dict[str, Any]]]) -> None:
        """Wait until the state is `expected`."""
        async with asyncio.timeout(ANSWER_S):
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
    room.channel.on_presence_sync(room.note_change)
    await room.channel.subscribe()
    return room


async def test_the_presence_state_reaches_all(gateway: Gateway, connect: Connect) -> None:
    """A track reaches every member, the sender too."""
    alice = await enter(connect, gateway, "alice", "lobby:1")
    bob = await enter(connect, gateway, "bob", "lobby:1")

    await alice.channel.track({"mood": "good"})

    for room in (alice, bob):
        await room.wait_until_equal({"alice": [{"mood": "good"}]})


async def test_a_new_member_gets_the_presence_state(gateway: Gateway, connect: Connect) -> None:
    """A new member gets the presence state right after the join."""
    alice = await enter(connect, gateway, "alice", "lobby:2")
    await alice.channel.track({})
    await alice.wait_until_equal({"alice": [{}]})

    bob = await enter(connect, gateway, "bob", "lobby:2")

    await bob.wait_until_equal({"alice": [{}]})


async def test_a_second_track_replaces_the_first(gateway: Gateway, connect: Connect) -> None:
    """A second track replaces the client's first state."""
    alice = await enter(connect, gateway, "alice", "lobby:3")
    bob = await enter(connect, gateway, "bob", "lobby:3")
    await alice.channel.track({"n": 1})
    await bob.wait_until_equal({"alice": [{"n": 1}]})

    await alice.channel.track({"n": 2})

    for room in (alice, bob):
        await room.wait_until_equal({"alice": [{"n": 2}]})


async def test_a_member_who_leaves_is_removed(gateway: Gateway, connect: Connect) -> None:
    """Untrack, leave and a closed socket remove the client's state."""
    watcher = await enter(connect, gateway, "watcher", "lobby:4")
    untracker, leaver, hanger_up = [
        await enter(connect, gateway, key, "lobby:4") for key in ("a", "b", "c")
    ]
    for room in (untracker, leaver, hanger_up):
        await room.channel.track({})
    await watcher.wait_until_equal({"a": [{}], "b": [{}], "c": [{}]})

    await untracker.channel.untrack()
    await watcher.wait_until_equal({"b": [{}], "c": [{}]})
    await leaver.channel.unsubscribe()
    await watcher.wait_until_equal({"c": [{}]})
    await hanger_up.channel.socket.close()
    await watcher.wait_until_equal({})


ALICE = str(uuid.uuid5(uuid.NAMESPACE_DNS, "alice"))
OK = {"status": "ok", "response": {}}


async def join_with_presence(
    client: Wire, topic: str, key: str, token: str | None = None
) -> dict[str, Any]:
    """Join with presence; return the first presence state, without Phoenix's metadata."""
    frame = join_frame("1", topic, presence={"key": key, "enabled": True}, private=bool(token))
    if token is not None:
        frame[4]["access_token"] = token
    await client.send(frame)
    assert "ok" == (await client.receive())[4]["status"]
    event, state = (await client.receive())[3:]
    assert "presence_state" == event
    return without_metadata(state)


async def push_presence(client: Wire, topic: str, event: str, payload: Any) -> None:
    """Send a presence event."""
    body = {"type": "presence", "event": event, "payload": payload}
    await client.send(["1", "2", f"realtime:{topic}", "presence", body])


def without_metadata(state: dict[str, Any]) -> dict[str, Any]:
    """Return the states by key, without Phoenix's metadata."""
    return {
        key: [
            {k: v for k, v in meta.items() if not k.startswith("phx_ref")}
            for meta in there["metas"]
        ]
        for key, there in state.items()
    }


async def test_a_track_is_answered_and_then_broadcast(gateway: Gateway) -> None:
    """A track gets a reply and then a diff; a second state names the one it replaces."""
    async with wire(gateway) as alice:
        assert {} == await join_with_presence(alice, "p:1", "alice")

        await push_presence(alice, "p:1", "track", {"n": 1})
        assert OK == (await alice.receive())[4]
        event, diff = (await alice.receive())[3:]
        assert "presence_diff" == event
        assert [{"alice": [{"n": 1}]}, {}] == [
            without_metadata(diff["joins"]),
            without_metadata(diff["leaves"]),
        ]
        first = diff["joins"]["alice"]["metas"][0]["phx_ref"]

        await push_presence(alice, "p:1", "track", {"n": 1})
        assert OK == (await alice.receive())[4]
        await push_presence(alice, "p:1", "TRACK", {"n": 2})
        assert OK == (await alice.receive())[4]
        diff = (await alice.receive())[4]
        assert [{"alice": [{"n": 2}]}, {"alice": [{"n": 1}]}] == [
            without_metadata(diff["joins"]),
            without_metadata(diff["leaves"]),
        ]
        assert first == diff["joins"]["alice"]["metas"][0]["phx_ref_prev"]


async def test_two_clients_of_one_key_have_two_states(gateway: Gateway) -> None:
    """Two clients with one key have two states, which end one by one."""
    async with wire(gateway) as one, wire(gateway) as watcher:
        await join_with_presence(watcher, "p:2", "watcher")
        await join_with_presence(one, "p:2", "me")
        await push_presence(one, "p:2", "track", {"window": 1})
        assert {"me": [{"window": 1}]} == without_metadata((await watcher.receive())[4]["joins"])
        async with wire(gateway) as two:
            assert {"me": [{"window": 1}]} == await join_with_presence(two, "p:2", "me")
            await push_presence(two, "p:2", "track", {"window": 2})
            assert {"me": [{"window": 2}]} == without_metadata(
                (await watcher.receive())[4]["joins"]
            )
            async with wire(gateway) as late:
                assert {"me": [{"window": 1}, {"window": 2}]} == await join_with_presence(
                    late, "p:2", "late"
                )
        assert {"me": [{"window": 2}]} == without_metadata((await watcher.receive())[4]["leaves"])


async def test_without_a_key_one_is_made(gateway: Gateway) -> None:
    """Realtime makes a UUID for a client without a key."""
    async with wire(gateway) as client:
        await join_with_presence(client, "p:3", "")
        await push_presence(client, "p:3", "track", {})
        assert OK == (await client.receive())[4]

        [key] = (await client.receive())[4]["joins"]

        assert key == str(uuid.UUID(key))


async def test_a_track_turns_presence_on(gateway: Gateway) -> None:
    """A track without presence in the join turns presence on, beginning with the current state."""
    async with wire(gateway) as first, wire(gateway) as second:
        await join_with_presence(first, "p:4", "first")
        await push_presence(first, "p:4", "track", {})
        assert OK == (await first.receive())[4]
        await second.send(join_frame("1", "p:4", presence={"key": "second", "enabled": False}))
        assert "ok" == (await second.receive())[4]["status"]

        await push_presence(second, "p:4", "track", {})

        assert OK == (await second.receive())[4]
        event, state = (await second.receive())[3:]
        assert ("presence_state", {"first": [{}], "second": [{}]}) == (
            event,
            without_metadata(state),
        )
        await push_presence(first, "p:4", "untrack", {})
        assert {"first": [{}]} == without_metadata((await second.receive())[4]["leaves"])


@pytest.mark.parametrize(
    ("event", "payload", "answer"),
    [
        ("track", [], {"reason": "Presence track payload must be a map"}),
        ("track", "x", {"reason": "Presence track payload must be a map"}),
        ("dance", {}, {}),
    ],
)
async def test_an_unknown_presence_event_is_an_error(
    gateway: Gateway, event: str, payload: Any, answer: dict[str, str]
) -> None:
    """An unknown presence event fails, and the channel goes on."""
    async with wire(gateway) as client:
        await join_with_presence(client, "p:5", "me")

        await push_presence(client, "p:5", event, payload)

        assert {"status": "error", "response": answer} == (await client.receive())[4]


async def test_too_many_tracks_close_the_channel(gateway: Gateway) -> None:
    """Realtime closes a channel after more than five calls in thirty seconds."""
    async with wire(gateway) as client:
        await join_with_presence(client, "p:6", "me")
        for number in range(5):
            await push_presence(client, "p:6", "track", {"n": number})
            assert OK == (await client.receive())[4]
            assert "presence_diff" == (await client.receive())[3]

        await push_presence(client, "p:6", "track", {"n": 5})

        payload = (await client.receive())[4]
        assert ("error", "system") == (payload["status"], payload["extension"])
        assert "Client presence rate limit exceeded" == payload["message"]
        assert "phx_close" == (await client.receive())[3]


async def test_a_policy_decides_who_may_be_present(gateway: Gateway) -> None:
    """A policy may allow broadcasts of a topic and forbid its presence."""
    async with wire(gateway) as client:
        frame = join_frame("1", "auction:p", private=True, presence={"key": "", "enabled": True})
        await client.send(frame)
        assert "ok" == (await client.receive())[4]["status"]

        await push_presence(client, "auction:p", "track", {})

        # The absence of a state proves that the client may not read presence.
        assert {"status": "error", "response": {}} == (await client.receive())[4]


async def test_members_of_a_room_are_present_to_each_other(gateway: Gateway) -> None:
    """Policies that let the members read and write let them see each other."""
    async with wire(gateway) as client:
        assert {} == await join_with_presence(client, "room:p", "alice", gateway.token(ALICE))

        await push_presence(client, "room:p", "track", {"mood": "good"})

        assert OK == (await client.receive())[4]
        assert {"alice": [{"mood": "good"}]} == without_metadata(
            (await client.receive())[4]["joins"]
        )
