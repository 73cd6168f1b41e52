"""The only door to Realtime, which rings; and the only async one.

The library's client may die without an exception, be deaf while it looks alive, or give up for
ever. So it is never trusted to mend itself: whatever looks wrong, the whole client is thrown away
and another one built.
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

from market import counters
from market.settings import Settings


log = structlog.get_logger(__name__)

_CANARY = "canary"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a subscription proves that it hears, and how long it rests after a death."""

    canary_every_s: float = 20.0
    canary_within_s: float = 10.0
    canaries_missed: int = 2
    join_within_s: float = 25.0
    close_within_s: float = 5.0
    first_rest_s: float = 1.0
    longest_rest_s: float = 30.0


class Realtime:
    """Subscribes to changes of tables; `make_client` builds a client that does not reconnect."""

    def __init__(
        self, make_client: Callable[[], AsyncRealtimeClient], pace: Pace | None = None
    ) -> None:
        self._make_client = make_client
        self._pace = pace or Pace()

    async def subscribe(self, tables: Collection[str], doorbell: asyncio.Event) -> None:
        """Ring `doorbell` at each change of `tables`, and at each new beginning, until cancelled.

        What was missed in between is not known, hence the ring at each beginning. Realtime drops
        messages by design, so whoever waits for the bell must look now and then without it.
        Nothing is raised but the cancellation.
        """
        deaths_in_a_row = 0
        while True:
            life = _Life(self._make_client, tables, doorbell, self._pace)
            reason = await life.live()
            deaths_in_a_row = 1 if life.was_joined else deaths_in_a_row + 1
            counters.increment("realtime_lives_ended", reason=reason)
            log.warning("realtime_life_ended", tables=sorted(tables), reason=reason)
            # Full jitter: after an outage of Realtime not everybody comes back in one moment.
            ceiling_s = self._pace.first_rest_s * 2 ** min(deaths_in_a_row - 1, 10)
            await asyncio.sleep(random.uniform(0, min(ceiling_s, self._pace.longest_rest_s)))  # noqa: S311 - no secret


def connect(settings: Settings) -> Realtime:
    """Build the door; no connection is made before somebody subscribes."""

    def make_client() -> AsyncRealtimeClient:
        return AsyncRealtimeClient(
            f"{settings.supabase_url}/realtime/v1",
            token=settings.supabase_secret_key,
            # Neither its reconnecting nor its retries: both end in silence some day.
            auto_reconnect=False,
            max_retries=1,
        )

    return Realtime(make_client)


class _Life:
    """One client from its connection to the first sign that something is wrong."""

    def __init__(
        self,
        make_client: Callable[[], AsyncRealtimeClient],
        tables: Collection[str],
        doorbell: asyncio.Event,
        pace: Pace,
    ) -> None:
        self._make_client = make_client
        self._tables = tables
        self._doorbell = doorbell
        self._pace = pace
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._heard = asyncio.Event()
        self._expected_canary = ""
        self.was_joined = False

    async def live(self) -> str:
        """Connect, join, listen; return why it ended."""
        client: AsyncRealtimeClient | None = None
        try:
            client = self._make_client()
            channel = self._channel(client)
            # Not wait_for: on Python 3.11 it may swallow a cancellation.
            async with asyncio.timeout(self._pace.join_within_s):
                await channel.subscribe(self._notice_state)
            return await self._listen(client, channel)
        except TimeoutError:
            return "join_timed_out"
        except Exception as error:  # noqa: BLE001 - whatever it is, the next client may do better
            return type(error).__name__
        finally:
            if client is not None:
                await self._bury(client)

    def _channel(self, client: AsyncRealtimeClient) -> AsyncRealtimeChannel:
        # A topic of our own: nobody else's canary is heard here.
        channel = client.channel(
            f"doorbell-{uuid.uuid4()}",
            {
                "config": {
                    "broadcast": {"ack": False, "self": True},
                    "presence": {"key": "", "enabled": False},
                    "private": False,
                }
            },
        )
        for table in self._tables:
            channel.on_postgres_changes(
                RealtimePostgresChangesListenEvent.All, self._ring, table=table, schema="public"
            )
        # Joined is one thing, that changes are read from the WAL another, some seconds later.
        channel.on_system(self._ring)
        channel.on_broadcast(_CANARY, self._notice_canary)
        return channel

    # The library calls these from its listening task, which an exception would end in silence. So
    # they do nothing that could fail.

    def _ring(self, _change: object) -> None:
        self._doorbell.set()

    def _notice_canary(self, message: Any) -> None:
        payload = message.get("payload") if isinstance(message, dict) else None
        if isinstance(payload, dict) and payload.get("id") == self._expected_canary:
            self._heard.set()

    def _notice_state(self, state: RealtimeSubscribeStates, _error: Exception | None) -> None:
        if state == RealtimeSubscribeStates.SUBSCRIBED:
            self.was_joined = True
            counters.increment("realtime_joins")
            self._doorbell.set()
        elif not self._ended.done():
            self._ended.set_result(state.value.lower())

    async def _listen(self, client: AsyncRealtimeClient, channel: AsyncRealtimeChannel) -> str:
        missed_count = 0
        while missed_count < self._pace.canaries_missed:
            reason = await self._ended_within(client, self._pace.canary_every_s)
            if reason is not None:
                return reason
            if await self._hears_canary(channel):
                missed_count = 0
            else:
                missed_count += 1
                counters.increment("realtime_canaries_missed")
        return "deaf"

    async def _ended_within(self, client: AsyncRealtimeClient, seconds: float) -> str | None:
        # The library has no public way to tell that it has stopped listening.
        listening = client._listen_task  # noqa: SLF001 - see above
        watched: set[asyncio.Future[Any]] = {self._ended}
        if listening is not None:
            watched.add(listening)
        await asyncio.wait(watched, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            return self._ended.result()
        if listening is None or listening.done():
            if listening is not None and not listening.cancelled():
                listening.exception()  # looked at, or asyncio complains that nobody did
            return "listening_ended"
        return None

    async def _hears_canary(self, channel: AsyncRealtimeChannel) -> bool:
        self._heard.clear()
        self._expected_canary = str(uuid.uuid4())
        try:
            async with asyncio.timeout(self._pace.canary_within_s):
                await channel.send_broadcast(_CANARY, {"id": self._expected_canary})
                await self._heard.wait()
        except TimeoutError:
            return False
        return True

    async def _bury(self, client: AsyncRealtimeClient) -> None:
        # Closing waits for an answer that may never come, and a dead client may raise anything.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self._pace.close_within_s):
                await client.close()
