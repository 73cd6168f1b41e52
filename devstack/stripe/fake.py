"""The state of the fake Stripe: its store, webhook sender, idempotency keys and faults."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from devstack.emulation.faults import Fault, Faults
from devstack.stripe import scheduled_actions
from devstack.stripe.background_tasks import WakeUp, in_background
from devstack.stripe.config import StripeConfig
from devstack.stripe.delivery import WebhookSender
from devstack.stripe.idempotency import IdempotencyKeys
from devstack.stripe.store import Store
from devstack.stripe.transaction import DeliveryPlan, Origin, Transaction


class FakeStripe:
    """The state that the API, the control API and the hosted pages share."""

    def __init__(self, config: StripeConfig) -> None:
        self.config = config
        self.store = Store(config.state)
        self.webhook_sender = WebhookSender(self.store, config)
        self.keys = IdempotencyKeys(self.store)
        self.faults = Faults[Fault]()
        self.plan = DeliveryPlan()
        self._changed = WakeUp()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver events and perform scheduled actions until the block ends."""
        async with (
            self.webhook_sender.running(),
            in_background([self._perform_scheduled_actions()]),
        ):
            yield
        self.store.close()

    @contextlib.contextmanager
    def transaction(self, origin: Origin | None = None) -> Iterator[Transaction]:
        """Change the account in one transaction, and wake the webhook sender after the commit."""
        tx = Transaction(self.store, self.config, self.plan, origin)
        with self.store.transaction():
            yield tx
        if tx.reordered:
            self.webhook_sender.deliver_in_order(reversed(tx.reordered))
        if tx.has_events:
            self._changed.wake_all()
            self.webhook_sender.wake()

    def reset(self) -> None:
        """Delete everything, faults included."""
        self.store.clear()
        self.faults.clear()
        self.plan = DeliveryPlan()
        self.webhook_sender.wake()

    async def _perform_scheduled_actions(self) -> None:
        while True:
            object_id, wait_s = self.store.next_scheduled()
            if object_id is None:
                await self._changed.wait(wait_s)
                continue
            with self.transaction() as tx:
                scheduled_actions.perform(tx, object_id)
            # The event loop may answer requests between two actions.
            await asyncio.sleep(0)
