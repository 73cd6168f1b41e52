"""Send signed events to the webhook endpoints, and retry until an endpoint accepts them."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterable

import httpx

from devstack.stripe import delivery_log
from devstack.stripe.background_tasks import WakeUp, in_background
from devstack.stripe.config import StripeConfig
from devstack.stripe.delivery_log import Attempt, Damage, Delivery
from devstack.stripe.resources import events
from devstack.stripe.store import Store


#: Stripe delivers in parallel too, and guarantees no order.
_WORKERS = 8
_TIMEOUT_S = 20.0
_FORGED_SECRET = "whsec_of_another_account"  # noqa: S105 - no endpoint has this secret
_USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


class WebhookSender:
    """Sends the waiting deliveries of `delivery_log`."""

    def __init__(self, store: Store, config: StripeConfig) -> None:
        self._store = store
        self._config = config
        # Two endpoints may have one address: the second is for connected accounts.
        self._secrets = {(one.url, one.connect): one.secret for one in config.webhook_endpoints}
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False)
        self._busy: set[int] = set()
        self._queued = WakeUp()
        self._in_order: asyncio.Queue[list[int]] = asyncio.Queue()
        #: Wakes its waiters after each attempt.
        self.attempted = WakeUp()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver in the background until the block ends."""
        workers = [self._work() for _ in range(_WORKERS)]
        async with self._client, in_background([*workers, self._work_in_order()]):
            yield

    async def wait_until_idle(self) -> None:
        """Wait until no attempt is running."""
        while self._busy:
            await self.attempted.wait(None)

    def wake(self) -> None:
        """Make the workers look for due deliveries."""
        self._queued.wake_all()
        self.attempted.wake_all()

    def deliver_in_order(self, delivery_ids: Iterable[int]) -> None:
        """Attempt each delivery once in the background, one after the other."""
        self._in_order.put_nowait(list(delivery_ids))

    async def deliver_now(self, delivery_ids: Iterable[int]) -> None:
        """Attempt each delivery once, one after the other. The workers make the retries."""
        for delivery_id in delivery_ids:
            delivery = delivery_log.find(self._store, delivery_id)
            if delivery is not None and delivery_id not in self._busy:
                await self._attempt(delivery)

    async def _work(self) -> None:
        while True:
            delivery, wait_s = delivery_log.next_due(self._store, busy=self._busy)
            if delivery is None:
                await self._queued.wait(wait_s)
            else:
                await self._attempt(delivery)

    async def _work_in_order(self) -> None:
        while True:
            await self.deliver_now(await self._in_order.get())

    async def _attempt(self, delivery: Delivery) -> None:
        self._busy.add(delivery.id)
        try:
            attempt = await self._send(delivery)
            number = delivery_log.attempt_count(self._store, delivery.id) + 1
            retry_in_s = self._back_off(number)
            delivery_log.record(self._store, delivery, attempt, retry_in_s=retry_in_s)
        finally:
            self._busy.discard(delivery.id)
        self.wake()

    def _back_off(self, number: int) -> float | None:
        if number >= self._config.max_attempts:
            return None
        return min(self._config.retry_base_s * 2.0 ** (number - 1), self._config.retry_cap_s)

    async def _send(self, delivery: Delivery) -> Attempt:
        event = events.with_pending(self._store, delivery.event_id)
        payload = json.dumps(event, indent=2).encode()
        # An endpoint that left the configuration has no secret, so it refuses the signature.
        secret = self._secrets.get((delivery.url, delivery.is_connect), "")
        if delivery.damage is Damage.SIGNATURE:
            secret = _FORGED_SECRET
        signature = sign(payload, secret, at=int(time.time()))
        if delivery.damage is Damage.BODY:
            payload = payload.replace(b'"livemode": false', b'"livemode": true')

        started = time.time()
        status, body, error = await self._post(delivery.url, payload, signature)
        return Attempt(
            at=started,
            status=status,
            body=body,
            error=error,
            duration_ms=round((time.time() - started) * 1000, 1),
        )

    async def _post(
        self, url: str, payload: bytes, signature: str
    ) -> tuple[int | None, str, str | None]:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": _USER_AGENT,
            "Stripe-Signature": signature,
        }
        try:
            response = await self._client.post(url, content=payload, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, AttributeError) as error:
            # anyio raises AttributeError if the connection ends just after it was made.
            return None, "", f"{type(error).__name__}: {error}"
        return response.status_code, response.text, None


def sign(payload: bytes, secret: str, *, at: int) -> str:
    """Return the `Stripe-Signature` of a payload: https://docs.stripe.com/webhooks/signature.

    In test mode Stripe adds a false signature `v0`, which a client must ignore.
    """
    digest = hmac.new(secret.encode(), b"%d." % at + payload, hashlib.sha256).hexdigest()
    decoy = hashlib.sha256(payload).hexdigest()
    return f"t={at},v1={digest},v0={decoy}"
