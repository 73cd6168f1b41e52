"""Channels of the official client, and the messages that each received, in order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from realtime import (
    AsyncRealtimeChannel,
    AsyncRealtimeClient,
    RealtimePostgresChangesListenEvent,
    RealtimeSubscribeStates,
)

from tests.support.waits import ANSWER_S


PUBLIC: dict[str, Any] = {
    "broadcast": {"ack": False, "self": False},
    "presence": {"key": "", "enabled": False},
}
PRIVATE: dict[str, Any] = {**PUBLIC, "private": True}

Item = TypeVar("Item")
Connect = Callable[..., Awaitable[AsyncRealtimeClient]]


class Heard:
    """The messages that reached one channel, by kind."""

    def __init__(self, channel: AsyncRealtimeChannel) -> None:
        self.channel = channel
        self._changes: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._broadcasts: asyncio.Queue[Any] = asyncio.Queue()
        self._system: asyncio.Queue[str] = asyncio.Queue()
        self._states: asyncio.Queue[tuple[RealtimeSubscribeStates, str]] = asyncio.Queue()

    async def change(self) -> dict[str, Any]:
        """Return the data of the next change."""
        return await _next(self._changes)

    async def broadcast(self) -> Any:
        """Return the next broadcast."""
        return await _next(self._broadcasts)

    async def system(self) -> str:
        """Return the next system message of the channel."""
        return await _next(self._system)

    async def state(self) -> tuple[RealtimeSubscribeStates, str]:
        """Return the next state of the channel and its error."""
        return await _next(self._states)

    def listen(self, bindings: tuple[Mapping[str, Any], ...]) -> None:
        """Subscribe the channel to the bindings and to all broadcasts."""
        for binding in bindings:
            fields = {"event": "*", "schema": "public", **binding}
            event = RealtimePostgresChangesListenEvent(fields.pop("event"))
            self.channel.on_postgres_changes(event, self._hear_change, **fields)
        self.channel.on_broadcast("*", self._broadcasts.put_nowait)
        self.channel.on_system(lambda payload: self._system.put_nowait(payload.message))

    def note_state(self, state: RealtimeSubscribeStates, error: Exception | None) -> None:
        """Store a state that the client reports."""
        self._states.put_nowait((state, str(error)))

    def _hear_change(self, payload: Any) -> None:
        self._changes.put_nowait(payload["data"])


def channel(
    client: AsyncRealtimeClient, topic: str, config: Mapping[str, Any]
) -> AsyncRealtimeChannel:
    """Return a channel that has not joined yet."""
    params: Any = {"config": dict(config)}
    return client.channel(topic, params)


async def join(
    client: AsyncRealtimeClient,
    topic: str,
    *bindings: Mapping[str, Any],
    config: Mapping[str, Any] | None = None,
) -> Heard:
    """Join a topic; the first state of the result is the join's outcome."""
    heard = Heard(channel(client, topic, config or PUBLIC))
    heard.listen(bindings)
    await heard.channel.subscribe(heard.note_state)
    return heard


async def joined(
    client: AsyncRealtimeClient,
    topic: str,
    *bindings: Mapping[str, Any],
    config: Mapping[str, Any] | None = None,
) -> Heard:
    """Join a topic, and wait until the join and its bindings have succeeded."""
    heard = await join(client, topic, *bindings, config=config)
    assert (RealtimeSubscribeStates.SUBSCRIBED, "None") == await heard.state()
    if bindings:
        assert "Subscribed to PostgreSQL" == await heard.system()
    return heard


async def _next(queue: asyncio.Queue[Item]) -> Item:
    async with asyncio.timeout(ANSWER_S):
        return await queue.get()
