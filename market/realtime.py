"""The adapter for Realtime, and the only async one: its messages wake jobs up.

The library's client may end without an exception, receive nothing while it looks connected, or stop
reconnecting for ever. So at any sign of a failure a new client replaces it.
"""

import asyncio
import contextlib
import dataclasses
import random
import uuid
from collections.abc import Callable, Collection
from typing import Any

import structlog
from realtime import (
    AsyncRealtimeChannel,
    AsyncRealtimeClient,
    RealtimePostgresChangesListenEvent,
    RealtimeSubscribeStates,
)

from market import metrics
from market.settings import Settings


log = structlog.get_logger(__name__)

_PROBE = "probe"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds between two probes, limits for each step, and pauses between two connections."""

    probe_interval_s: float = 20.0
    probe_timeout_s: float = 10.0
    probes_missed: int = 2
    join_timeout_s: float = 25.0
    close_timeout_s: float = 5.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0


class Realtime:
    """Subscribes to changes of tables; `make_client` builds a client that does not reconnect."""

    def __init__(
        self, make_client: Callable[[], AsyncRealtimeClient], timing: Timing | None = None
    ) -> None:
        self._make_client = make_client
        self._timing = timing or Timing()

    async def subscribe(self, tables: Collection[str], wake_up: asyncio.Event) -> None:
        """Set `wake_up` at each change of `tables` and after each join, until cancelled.

        Realtime drops messages by design, and nobody knows which changes a lost connection missed.
        So each join counts as a wake-up, and the caller must also look on its own from time to
        time. Only the cancellation is raised.
        """
        failures_in_a_row, is_rejoin = 0, False
        while True:
            connection = _Connection(
                self._make_client, tables, wake_up, self._timing, is_rejoin=is_rejoin
            )
            reason = await connection.run()
            is_rejoin = is_rejoin or connection.was_joined
            failures_in_a_row = 1 if connection.was_joined else failures_in_a_row + 1
            metrics.REALTIME_ENDS.labels(reason=reason).inc()
            log.warning("realtime_connection_ended", tables=sorted(tables), reason=reason)
            # Full jitter, so that after an outage not all workers come back at once.
            longest_s = self._timing.first_pause_s * 2 ** min(failures_in_a_row - 1, 10)
            await asyncio.sleep(random.uniform(0, min(longest_s, self._timing.longest_pause_s)))  # noqa: S311 - no secret


def connect(settings: Settings) -> Realtime:
    """Build the adapter; the first subscription makes the first connection."""

    def make_client() -> AsyncRealtimeClient:
        return AsyncRealtimeClient(
            f"{settings.supabase_url}/realtime/v1",
            token=settings.supabase_secret_key,
            # The library may stop its own reconnecting and retrying for ever, without an exception.
            auto_reconnect=False,
            max_retries=1,
        )

    return Realtime(make_client)


class _Connection:
    """One client, from its connection to its first failure."""

    def __init__(
        self,
        make_client: Callable[[], AsyncRealtimeClient],
        tables: Collection[str],
        wake_up: asyncio.Event,
        timing: Timing,
        *,
        is_rejoin: bool,
    ) -> None:
        self._is_rejoin = is_rejoin
        self._make_client = make_client
        self._tables = tables
        self._wake_up = wake_up
        self._timing = timing
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._has_heard = asyncio.Event()
        self._expected_probe = ""
        self.was_joined = False

    async def run(self) -> str:
        """Connect, join and listen; return the reason of the end."""
        client: AsyncRealtimeClient | None = None
        try:
            client = self._make_client()
            channel = self._channel(client)
            # On Python 3.11 asyncio.wait_for may swallow a cancellation.
            async with asyncio.timeout(self._timing.join_timeout_s):
                await channel.subscribe(self._notice_state)
            return await self._listen(client, channel)
        except TimeoutError:
            return "join_timed_out"
        except Exception as error:  # noqa: BLE001 - after any error the next client may work
            return type(error).__name__
        finally:
            if client is not None:
                await self._close(client)

    def _channel(self, client: AsyncRealtimeClient) -> AsyncRealtimeChannel:
        # The topic is unique, so this client receives only its own probes. The channel is private,
        # because production allows no other; the service role needs no policy for it.
        channel = client.channel(
            f"wake-up-{uuid.uuid4()}",
            {
                "config": {
                    "broadcast": {"ack": False, "self": True},
                    "presence": {"key": "", "enabled": False},
                    "private": True,
                }
            },
        )
        for table in self._tables:
            channel.on_postgres_changes(
                RealtimePostgresChangesListenEvent.All, self._wake, table=table, schema="public"
            )
        # Realtime reports changes only from some seconds after the join on, and then sends a system
        # message. That message is a wake-up, because earlier changes were not reported.
        channel.on_system(self._wake)
        channel.on_broadcast(_PROBE, self._notice_probe)
        return channel

    # The library calls the next three methods from its listening task. An exception would end that
    # task silently, so they do nothing that could fail.

    def _wake(self, _change: object) -> None:
        self._wake_up.set()

    def _notice_probe(self, message: Any) -> None:
        payload = message.get("payload") if isinstance(message, dict) else None
        if isinstance(payload, dict) and payload.get("id") == self._expected_probe:
            self._has_heard.set()

    def _notice_state(self, state: RealtimeSubscribeStates, _error: Exception | None) -> None:
        if state == RealtimeSubscribeStates.SUBSCRIBED:
            self.was_joined = True
            metrics.REALTIME_JOINS.inc()
            metrics.REALTIME_REJOINS.inc(int(self._is_rejoin))
            self._wake_up.set()
        elif not self._ended.done():
            self._ended.set_result(state.value.lower())

    async def _listen(self, client: AsyncRealtimeClient, channel: AsyncRealtimeChannel) -> str:
        missed_count = 0
        while missed_count < self._timing.probes_missed:
            reason = await self._ended_within(client, self._timing.probe_interval_s)
            if reason is not None:
                return reason
            if await self._hears_probe(channel):
                missed_count = 0
            else:
                missed_count += 1
                metrics.REALTIME_PROBES_MISSED.inc()
        return "quiet"

    async def _ended_within(self, client: AsyncRealtimeClient, seconds: float) -> str | None:
        # No public attribute of the library shows that it has stopped listening.
        listening = client._listen_task  # noqa: SLF001 - see above
        watched: set[asyncio.Future[Any]] = {self._ended}
        if listening is not None:
            watched.add(listening)
        await asyncio.wait(watched, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            return self._ended.result()
        if listening is None or listening.done():
            if listening is not None and not listening.cancelled():
                listening.exception()  # asyncio warns about an exception that nobody reads
            return "listening_ended"
        return None

    async def _hears_probe(self, channel: AsyncRealtimeChannel) -> bool:
        self._has_heard.clear()
        self._expected_probe = str(uuid.uuid4())
        try:
            async with asyncio.timeout(self._timing.probe_timeout_s):
                await channel.send_broadcast(_PROBE, {"id": self._expected_probe})
                await self._has_heard.wait()
        except TimeoutError:
            return False
        return True

    async def _close(self, client: AsyncRealtimeClient) -> None:
        # The server may never answer the close, and a broken client may raise any exception.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self._timing.close_timeout_s):
                await client.close()
