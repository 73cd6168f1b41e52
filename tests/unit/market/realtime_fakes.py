"""A fake Realtime client that a test can stop or silence, and a subscription that uses it."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Any

from realtime import RealtimeSubscribeStates

from market.realtime import Realtime, Timing


HOUR_S = 3600.0
#: With this timing no probe is sent, so something else ends each connection.
NO_PROBES = Timing(probe_interval_s=HOUR_S, first_pause_s=0.0)


class FakeChannel:
    """A channel that behaves as a test sets it."""

    def __init__(self) -> None:
        self.topic = ""
        self.config: Any = None
        self.changes: dict[str, Callable[[Any], None]] = {}
        self.on_state: Callable[[RealtimeSubscribeStates, Exception | None], None] | None = None
        self.join: Callable[[FakeChannel], None] = joined
        self.is_quiet = False
        self.probes: list[dict[str, Any]] = []

    def on_postgres_changes(
        self, event: str, callback: Callable[[Any], None], *, table: str, schema: str
    ) -> None:
        """Keep what is called at a change of `table`."""
        assert ("*", "public") == (event, schema)
        self.changes[table] = callback

    def on_system(self, callback: Callable[[Any], None]) -> None:
        """Keep what is called when changes are read."""
        self.system = callback

    def on_broadcast(self, event: str, callback: Callable[[Any], None]) -> None:
        """Keep what is called by a probe."""
        assert "probe" == event
        self.broadcast = callback

    async def subscribe(self, on_state: Any) -> None:
        """Join as the test has set it."""
        self.on_state = on_state
        self.join(self)

    async def send_broadcast(self, event: str, data: dict[str, Any]) -> None:
        """Return the broadcast to its sender, unless the channel is quiet."""
        self.probes.append(data)
        if not self.is_quiet:
            self.broadcast({"event": event, "payload": data})

    def tell(self, state: RealtimeSubscribeStates) -> None:
        """Report a state as the library does."""
        assert self.on_state is not None
        self.on_state(state, None)


def joined(channel: FakeChannel) -> None:
    channel.tell(RealtimeSubscribeStates.SUBSCRIBED)


class FakeClient:
    """A client whose listening task only a test ends."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.only_channel = FakeChannel()
        self.is_closed = False
        self.hangs = False
        self._listen_task: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()

    def channel(self, topic: str, config: Any) -> FakeChannel:
        """Return the only channel."""
        self.only_channel.topic, self.only_channel.config = topic, config
        return self.only_channel

    async def close(self) -> None:
        """Close, or wait for ever if `hangs` is set."""
        self.is_closed = True
        if self.hangs:
            await asyncio.Event().wait()

    def stop_listening(self, error: Exception | None = None) -> None:
        """End the listening task, as the library does without an exception."""
        assert self._listen_task is not None
        if error is None:
            self._listen_task.set_result(None)
        else:
            self._listen_task.set_exception(error)


@dataclasses.dataclass
class Subscription:
    """A running subscription, with every client that it has built so far."""

    wake_up: asyncio.Event
    clients: list[FakeClient]
    built: asyncio.Queue[FakeClient]
    task: asyncio.Task[None]

    async def next_client(self) -> FakeClient:
        """Wait for the next client that is built."""
        return await asyncio.wait_for(self.built.get(), timeout=10)

    async def woken(self) -> None:
        """Wait for a wake-up, and clear it."""
        await asyncio.wait_for(self.wake_up.wait(), timeout=10)
        self.wake_up.clear()


@contextlib.asynccontextmanager
async def subscribed(
    timing: Timing = NO_PROBES, prepare: Callable[[FakeClient], None] = lambda _client: None
) -> AsyncIterator[Subscription]:
    clients: list[FakeClient] = []
    built: asyncio.Queue[FakeClient] = asyncio.Queue()

    def make_client() -> Any:
        client = FakeClient(len(clients))
        prepare(client)
        clients.append(client)
        built.put_nowait(client)
        return client

    wake_up = asyncio.Event()
    task = asyncio.create_task(
        Realtime(make_client, timing).subscribe(["auctions", "orders"], wake_up)
    )
    try:
        yield Subscription(wake_up, clients, built, task)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
