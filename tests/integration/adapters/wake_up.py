"""An event that counts its wake-ups, and a subscription that sets it."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress

from realtime import AsyncRealtimeClient

from market import realtime
from market.realtime import Realtime, Timing
from market.settings import Settings


#: The longest wait for an expected wake-up on a busy machine.
ARRIVAL_S = 60.0
#: No probe is sent, and a new client follows soon after a lost one.
SLOW_PROBES = Timing(
    probe_interval_s=3600, join_timeout_s=ARRIVAL_S, first_pause_s=0.05, longest_pause_s=0.2
)
#: Probes notice soon that a server is deaf. Joins notice it too, because it answers none.
FAST_PROBES = dataclasses.replace(
    SLOW_PROBES, probe_interval_s=0.1, probe_timeout_s=1, join_timeout_s=5
)


class CountedWakeUp(asyncio.Event):
    """Counts the calls of `set`, which an asyncio.Event does not."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def set(self) -> None:
        """Count the call, and set the event."""
        self.count += 1
        super().set()

    async def came(self, times: int = 1, *, after: int = 0) -> int:
        """Wait for this number of wake-ups after a count; return the new count."""
        async with asyncio.timeout(ARRIVAL_S):
            while self.count < after + times:
                self.clear()
                await self.wait()
        return self.count


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A subscription: its wake-up, its task, and every client that it has built so far."""

    wake_up: CountedWakeUp
    task: "asyncio.Task[None]"
    clients: list[AsyncRealtimeClient]


@asynccontextmanager
async def listening(
    settings: Settings, tables: Collection[str], timing: Timing = SLOW_PROBES
) -> AsyncIterator[Listener]:
    """Subscribe as a worker does, with the clients that workers get."""
    make_client = realtime.connect(settings)._make_client  # noqa: SLF001 - only the timing is ours
    clients: list[AsyncRealtimeClient] = []

    def made() -> AsyncRealtimeClient:
        client = make_client()
        # The library has a limit of its own for a join, and `timing` decides here.
        client.timeout = int(ARRIVAL_S)
        clients.append(client)
        return client

    wake_up = CountedWakeUp()
    task = asyncio.create_task(Realtime(made, timing).subscribe(tables, wake_up))
    try:
        yield Listener(wake_up=wake_up, task=task, clients=clients)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
