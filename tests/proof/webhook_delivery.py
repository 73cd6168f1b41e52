"""Sixteen senders deliver Stripe's events repeated and in any order, while processes are killed."""

import heapq
import itertools
import json
import os
import random
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.faults.fleet import Fleet
from tests.integration.service.processes import Gunicorn
from tests.integration.service.shop import PAYMENTS_PATH, Shop
from tests.support.factories import signed


SENDERS = 16
#: After a kill nothing listens for a while. httpx tries this often to connect, for some 7 seconds.
CONNECTS = 5
#: The percentage of events that are never delivered; reconcile must find them.
DROPPED = 5
#: Events of these types are always delivered: reconcile reads no lists of connected accounts.
NEVER_DROPPED = "account."


class WebhookSenders:
    """Delivers each event of Stripe several times, in any order, until it is accepted."""

    def __init__(self, shop: Shop, rng: random.Random) -> None:
        self.shop = shop
        self.rng = rng
        self.counts: Counter[str] = Counter()
        self.dropped: set[str] = set()
        self._lock = threading.Condition()
        self._queue: list[tuple[float, int, dict[str, Any]]] = []
        self._numbers = itertools.count()
        self._is_over = False
        self._under_way = 0
        self._pool = ThreadPoolExecutor(SENDERS)
        self._senders = [self._pool.submit(self._send_all) for _ in range(SENDERS)]

    def add(self, event: dict[str, Any], copies: int) -> None:
        """Queue `copies` deliveries of an event, or drop it at random."""
        if self.rng.randrange(100) < DROPPED and not event["type"].startswith(NEVER_DROPPED):
            self.dropped.add(event["id"])
            self.counts["dropped"] += 1
            return
        with self._lock:
            for _ in range(copies):
                self._push(event)
            self._lock.notify_all()

    @property
    def left(self) -> int:
        """Return the number of deliveries that were not answered yet."""
        with self._lock:
            return len(self._queue) + self._under_way

    @property
    def delivered(self) -> int:
        """Return the number of deliveries that were answered."""
        with self._lock:
            return self.counts.total() - self.counts["dropped"] - self.counts["lost"]

    def close(self) -> None:
        """Stop the senders, and raise the error of any that has failed."""
        with self._lock:
            self._is_over = True
            self._lock.notify_all()
        for sender in self._senders:
            sender.result()
        self._pool.shutdown()

    def _push(self, event: dict[str, Any]) -> None:
        # A random place in the queue permutes all deliveries of a wave.
        heapq.heappush(self._queue, (self.rng.random(), next(self._numbers), event))

    def _send_all(self) -> None:
        transport = httpx.HTTPTransport(retries=CONNECTS)
        address = self.shop.environment["SERVICE_URL"]
        with httpx.Client(base_url=address, timeout=30, transport=transport) as http:
            while (event := self._next()) is not None:
                outcome = self._send(http, event)
                with self._lock:
                    self._under_way -= 1
                    self.counts[outcome] += 1
                    if outcome in ("lost", "503", "500"):
                        # Stripe sends an event again until it is accepted.
                        self._push(event)
                        self._lock.notify()

    def _next(self) -> dict[str, Any] | None:
        with self._lock:
            while not self._queue and not self._is_over:
                self._lock.wait()
            if self._is_over:
                return None
            self._under_way += 1
            return heapq.heappop(self._queue)[2]

    def _send(self, http: httpx.Client, event: dict[str, Any]) -> str:
        name = "STRIPE_CONNECT_WEBHOOK_SECRETS" if "account" in event else "STRIPE_WEBHOOK_SECRETS"
        payload, signature = signed(json.dumps(event), secret=self.shop.secret(name))
        headers = {"Stripe-Signature": signature}
        try:
            answer = http.post(PAYMENTS_PATH, content=payload, headers=headers)
        except httpx.TransportError:
            return "lost"  # The service was killed before it answered.
        if answer.status_code == httpx.codes.OK:
            return str(answer.json()["status"])
        assert answer.is_server_error, (answer.status_code, answer.text)
        return str(answer.status_code)


class ProcessKiller:
    """Kills workers and gunicorn, again and again, by `kill -9`."""

    def __init__(self, shop: Shop, fleet: Fleet, rng: random.Random) -> None:
        self.shop = shop
        self.fleet = fleet
        self.rng = rng
        self.counts: Counter[str] = Counter()
        self._targets = itertools.cycle(
            ("gunicorn worker", "workers", "gunicorn", "workers", "gunicorn worker")
        )

    def kill_next(self) -> None:
        """Kill the next target. Leases of workers end at once, as if their time had passed."""
        target = next(self._targets)
        if target == "workers":
            self.fleet.kill()
            self.shop.expire_leases()
            self.fleet.launch()
        else:
            gunicorn = Gunicorn.find(self.shop.environment["SERVICE_URL"])
            if gunicorn is None:
                return
            if target == "gunicorn":
                gunicorn.kill()
            else:
                os.kill(self.rng.choice(gunicorn.workers), signal.SIGKILL)
        self.counts[target] += 1
