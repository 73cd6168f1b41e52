"""The context that all sockets and requests of one gateway's Realtime share."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Protocol

from devstack.gateway.context import Context
from devstack.gateway.realtime import database_broadcasts
from devstack.gateway.realtime.authorization import Authorizer
from devstack.gateway.realtime.changes import EXTENSION, ChangeFeed
from devstack.gateway.realtime.pgoutput import Change
from devstack.gateway.realtime.presence import Presence
from devstack.gateway.realtime.pubsub import PubSub
from devstack.gateway.realtime.replication import WalReader
from devstack.gateway.realtime.subscriptions import Subscriptions


SUBSCRIBED = "Subscribed to PostgreSQL"


class FailureMode(StrEnum):
    """A failure of Realtime that a test commands; it lasts until the test sets another mode."""

    NORMAL = "normal"
    #: Sockets stay open and requests get replies, but no events are sent.
    SILENT = "silent"
    #: Frames of clients are ignored, so no heartbeat and no join gets a reply. Events are sent.
    DEAF = "deaf"
    #: Open sockets are closed as by a restart. New sockets open, but every join is refused.
    CLOSING = "closing"
    #: All tokens of users count as expired: their channels are closed, and their joins refused.
    EXPIRED = "expired"


class FaultTarget(Protocol):
    """A socket that a failure mode applies to."""

    def apply_failure_mode(self, mode: FailureMode) -> None:
        """Change an open socket as the mode requires."""


class RealtimeContext:
    """The state of one gateway's Realtime: its topics, subscriptions, sockets and reader."""

    def __init__(self, gateway: Context) -> None:
        self.keys = gateway.keys
        self.pool = gateway.admin_pool
        self.pubsub = PubSub()
        self.presence = Presence()
        self.subscriptions = Subscriptions()
        self.authorizer = Authorizer(pool=gateway.admin_pool)
        self.failure_mode = FailureMode.NORMAL
        #: The open sockets.
        self.sockets: set[FaultTarget] = set()
        #: The channels that have joined or are joining. Without any the WAL is not read.
        self.listeners: set[object] = set()
        self.reader = WalReader(
            gateway.config.admin_url,
            handle=self._deliver,
            has_listeners=lambda: bool(self.listeners),
            on_start=self._report_start,
        )
        self._feed = ChangeFeed(gateway.config.admin_url, self.subscriptions)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read the WAL until the block is left."""
        try:
            async with self.reader.running():
                yield
        finally:
            await self._feed.close()

    def apply_failure_mode(self, mode: FailureMode) -> None:
        """Set the failure mode, and apply it to the open sockets."""
        self.failure_mode = mode
        for socket in list(self.sockets):
            socket.apply_failure_mode(mode)

    async def _deliver(self, changes: Sequence[Change]) -> None:
        database_broadcasts.broadcast_changes(self.pubsub, changes)
        await self._feed.deliver(changes)

    def _report_start(self) -> None:
        """Tell the subscribers that a new slot has started, so they may have missed changes."""
        for subscription in self.subscriptions:
            subscription.listener.report(EXTENSION, SUBSCRIBED)


def realtime_context(gateway: Context) -> RealtimeContext:
    """Return the one context of a gateway's Realtime."""
    return gateway.service(RealtimeContext)
