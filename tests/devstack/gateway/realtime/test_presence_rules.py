"""Rules of presence: its frames, its limit, its errors and its policies.

https://supabase.com/docs/guides/realtime/presence, and
https://github.com/supabase/realtime/blob/main/lib/realtime_web/channels/realtime_channel/presence_handler.ex
"""

import uuid
from typing import Any

import pytest

from tests.support.gateways import Gateway
from tests.support.wires import Wire, join_frame, wire


pytestmark = pytest.mark.anyio

ALICE = str(uuid.uuid5(uuid.NAMESPACE_DNS, "alice"))
OK = {"status": "ok", "response": {}}


async def enter(client: Wire, topic: str, key: str, token: str | None = None) -> dict[str, Any]:
    """Join with presence; return the first presence state, without Phoenix's metadata."""
    frame = join_frame("1", topic, presence={"key": key, "enabled": True}, private=bool(token))
    if token is not None:
        frame[4]["access_token"] = token
    await client.send(frame)
    assert "ok" == (await client.receive())[4]["status"]
    event, state = (await client.receive())[3:]
    assert "presence_state" == event
    return bare(state)


async def say(client: Wire, topic: str, event: str, payload: Any) -> None:
    """Send a presence event."""
    body = {"type": "presence", "event": event, "payload": payload}
    await client.send(["1", "2", f"realtime:{topic}", "presence", body])


def bare(state: dict[str, Any]) -> dict[str, Any]:
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
        assert {} == await enter(alice, "p:1", "alice")

        await say(alice, "p:1", "track", {"n": 1})
        assert OK == (await alice.receive())[4]
        event, diff = (await alice.receive())[3:]
        assert "presence_diff" == event
        assert [{"alice": [{"n": 1}]}, {}] == [bare(diff["joins"]), bare(diff["leaves"])]
        first = diff["joins"]["alice"]["metas"][0]["phx_ref"]

        await say(alice, "p:1", "track", {"n": 1})
        assert OK == (await alice.receive())[4]
        await say(alice, "p:1", "TRACK", {"n": 2})
        assert OK == (await alice.receive())[4]
        diff = (await alice.receive())[4]
        assert [{"alice": [{"n": 2}]}, {"alice": [{"n": 1}]}] == [
            bare(diff["joins"]),
            bare(diff["leaves"]),
        ]
        assert first == diff["joins"]["alice"]["metas"][0]["phx_ref_prev"]


async def test_two_clients_of_one_key_have_two_states(gateway: Gateway) -> None:
    """Two clients with one key have two states, which end one by one."""
    async with wire(gateway) as one, wire(gateway) as watcher:
        await enter(watcher, "p:2", "watcher")
        await enter(one, "p:2", "me")
        await say(one, "p:2", "track", {"window": 1})
        assert {"me": [{"window": 1}]} == bare((await watcher.receive())[4]["joins"])
        async with wire(gateway) as two:
            assert {"me": [{"window": 1}]} == await enter(two, "p:2", "me")
            await say(two, "p:2", "track", {"window": 2})
            assert {"me": [{"window": 2}]} == bare((await watcher.receive())[4]["joins"])
            async with wire(gateway) as late:
                assert {"me": [{"window": 1}, {"window": 2}]} == await enter(late, "p:2", "late")
        assert {"me": [{"window": 2}]} == bare((await watcher.receive())[4]["leaves"])


async def test_without_a_key_one_is_made(gateway: Gateway) -> None:
    """Realtime makes a UUID for a client without a key."""
    async with wire(gateway) as client:
        await enter(client, "p:3", "")
        await say(client, "p:3", "track", {})
        assert OK == (await client.receive())[4]

        [key] = (await client.receive())[4]["joins"]

        assert key == str(uuid.UUID(key))


async def test_a_track_turns_presence_on(gateway: Gateway) -> None:
    """A track without presence in the join turns presence on, beginning with the current state."""
    async with wire(gateway) as first, wire(gateway) as second:
        await enter(first, "p:4", "first")
        await say(first, "p:4", "track", {})
        assert OK == (await first.receive())[4]
        await second.send(join_frame("1", "p:4", presence={"key": "second", "enabled": False}))
        assert "ok" == (await second.receive())[4]["status"]

        await say(second, "p:4", "track", {})

        assert OK == (await second.receive())[4]
        event, state = (await second.receive())[3:]
        assert ("presence_state", {"first": [{}], "second": [{}]}) == (event, bare(state))
        await say(first, "p:4", "untrack", {})
        assert {"first": [{}]} == bare((await second.receive())[4]["leaves"])


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
        await enter(client, "p:5", "me")

        await say(client, "p:5", event, payload)

        assert {"status": "error", "response": answer} == (await client.receive())[4]


async def test_too_many_tracks_close_the_channel(gateway: Gateway) -> None:
    """Realtime closes a channel after more than five calls in thirty seconds."""
    async with wire(gateway) as client:
        await enter(client, "p:6", "me")
        for number in range(5):
            await say(client, "p:6", "track", {"n": number})
            assert OK == (await client.receive())[4]
            assert "presence_diff" == (await client.receive())[3]

        await say(client, "p:6", "track", {"n": 5})

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

        await say(client, "auction:p", "track", {})

        # The absence of a state proves that the client may not read presence.
        assert {"status": "error", "response": {}} == (await client.receive())[4]


async def test_members_of_a_room_are_present_to_each_other(gateway: Gateway) -> None:
    """Policies that let the members read and write let them see each other."""
    async with wire(gateway) as client:
        assert {} == await enter(client, "room:p", "alice", gateway.token(ALICE))

        await say(client, "room:p", "track", {"mood": "good"})

        assert OK == (await client.receive())[4]
        assert {"alice": [{"mood": "good"}]} == bare((await client.receive())[4]["joins"])
