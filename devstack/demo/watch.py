"""A subscriber of the demo: what reaches a browser over Realtime, and when."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from realtime import AsyncRealtimeChannel, RealtimeSubscribeStates
from realtime.types import RealtimePostgresChangesListenEvent

from devstack.demo.people import Person
from devstack.demo.steps import DemoError


_JOIN_S = 15
_ALL = RealtimePostgresChangesListenEvent.All


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a row as it came in; `delay_ms` is the time since its commit."""

    table: str
    kind: str
    row: dict[str, Any]
    committed_at: datetime
    delay_ms: float


@dataclass(slots=True)
class Watcher:
    """Somebody who only looks on, and remembers all that they saw."""

    person: Person
    changes: list[Change] = field(default_factory=list)
    times_remaining: list[dict[str, Any]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch_auction(self, auction_id: str) -> None:
        """Subscribe to an auction as the web app does: two tables, and the private topic."""
        changes = self.person.client.channel(f"auction-{auction_id}")
        changes.on_postgres_changes(
            _ALL, self._on_change, table="auctions", schema="public", filter=f"id=eq.{auction_id}"
        )
        changes.on_postgres_changes(
            _ALL,
            self._on_change,
            table="bids",
            schema="public",
            filter=f"auction_id=eq.{auction_id}",
        )
        countdown = self.person.client.channel(
            f"auction:{auction_id}",
            {"config": {"broadcast": None, "presence": None, "private": True}},
        )
        countdown.on_broadcast("time_remaining", self._on_time_remaining)
        await self._join(changes)
        await self._join(countdown)

    async def watch_orders(self) -> None:
        """Subscribe to the orders that this person buys."""
        mine = f"buyer_id=eq.{self.person.user_id}"
        orders = self.person.client.channel(f"user-orders-{self.person.user_id}")
        orders.on_postgres_changes(
            _ALL, self._on_change, table="orders", schema="public", filter=mine
        )
        await self._join(orders)

    async def until(self, is_so: Callable[[Change], bool], what: str, timeout_s: float) -> Change:
        """Wait for a change that is so; those seen before count too.

        Raises: DemoError when none comes in time.
        """
        ends_at = time.monotonic() + timeout_s
        while True:
            self._news.clear()
            for change in self.changes:
                if is_so(change):
                    return change
            try:
                await asyncio.wait_for(self._news.wait(), ends_at - time.monotonic())
            except TimeoutError as error:
                raise DemoError(
                    f"{self.person.name} did not see {what} within {timeout_s:.0f} s."
                ) from error

    async def until_time_remaining(self, version: int, timeout_s: float) -> dict[str, Any]:
        """Wait for a broadcast of the time remaining that knows of the auction's `version`."""
        ends_at = time.monotonic() + timeout_s
        while True:
            self._news.clear()
            for message in self.times_remaining:
                if message["version"] >= version:
                    return message
            try:
                await asyncio.wait_for(self._news.wait(), ends_at - time.monotonic())
            except TimeoutError as error:
                raise DemoError(
                    f"No time_remaining for version {version} came within {timeout_s:.0f} s."
                ) from error

    async def _join(self, channel: AsyncRealtimeChannel) -> None:
        states: asyncio.Queue[tuple[RealtimeSubscribeStates, Exception | None]] = asyncio.Queue()
        await channel.subscribe(lambda state, error: states.put_nowait((state, error)))
        try:
            state, error = await asyncio.wait_for(states.get(), _JOIN_S)
        except TimeoutError as late:
            raise DemoError(f"Realtime did not answer the join of {channel.topic}.") from late
        if state != RealtimeSubscribeStates.SUBSCRIBED:
            raise DemoError(f"Realtime refused {self.person.name} {channel.topic}: {error}")

    def _on_change(self, payload: Any) -> None:
        now = datetime.now(UTC)
        data = payload["data"]
        committed_at = datetime.fromisoformat(data["commit_timestamp"])
        self.changes.append(
            Change(
                table=data["table"],
                kind=data["type"],
                row=data.get("record") or {},
                committed_at=committed_at,
                delay_ms=(now - committed_at).total_seconds() * 1000,
            )
        )
        self._news.set()

    def _on_time_remaining(self, payload: Any) -> None:
        self.times_remaining.append(payload["payload"])
        self._news.set()
