"""The state that all sockets of one gateway share."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from devstack.gateway.context import Context
from devstack.gateway.realtime import database_broadcasts
from devstack.gateway.realtime.authorization import Authorizer
from devstack.gateway.realtime.changes import EXTENSION, ChangeFeed
from devstack.gateway.realtime.failure_mode import FailureMode
from devstack.gateway.realtime.pgoutput import Change
from devstack.gateway.realtime.presence import Presence
from devstack.gateway.realtime.pubsub import PubSub
from devstack.gateway.realtime.subscriptions import Subscriptions
from devstack.gateway.realtime.wal import WalReader


SUBSCRIBED = "Subscribed to PostgreSQL"


class FaultTarget(Protocol):
    """A socket that a failure mode applies to."""

    def apply_failure_mode(self, mode: FailureMode) -> None:
        """Change an open socket as the mode requires."""


class RealtimeContext:
    """The pubsub, the subscriptions, and the reader that feeds both."""

    def __init__(self, context: Context) -> None:
        self.keys = context.config.keys
        self.pool = context.admin_pool
        self.pubsub = PubSub()
        self.presence = Presence()
        self.subscriptions = Subscriptions()
        self.authorizer = Authorizer(pool=context.admin_pool)
        self.failure_mode = FailureMode.NORMAL
        #: The sockets that are open.
        self.connections: set[FaultTarget] = set()
        #: The channels that make reading the log worth while, joining ones included.
        self.listeners: set[object] = set()
        self.reader = WalReader(
            context.config.admin_url,
            handle=self._handle,
            is_heard=lambda: bool(self.listeners),
            on_live=self._resubscribe,
        )
        self._feed = ChangeFeed(context.config.admin_url, self.subscriptions)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read the log until the block is left."""
        try:
            async with self.reader.running():
                yield
        finally:
            await self._feed.close()

    def apply_failure_mode(self, mode: FailureMode) -> None:
        """Set the failure mode, and apply it to the open sockets."""
        self.failure_mode = mode
        for connection in list(self.connections):
            connection.apply_failure_mode(mode)

    async def _handle(self, changes: Sequence[Change]) -> None:
        is_message = database_broadcasts.is_message
        database_broadcasts.tell(self.pubsub, (c for c in changes if is_message(c.relation)))
        await self._feed.deliver(changes)

    def _resubscribe(self) -> None:
        """Tell subscribers that a new slot feeds them: they may have missed something."""
        for subscription in self.subscriptions:
            subscription.listener.report(EXTENSION, SUBSCRIBED)


def realtime_context(context: Context) -> RealtimeContext:
    """Return the one set of services of a gateway."""
    return context.service(RealtimeContext)
