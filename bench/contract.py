"""The load of the web app's contract: 100 bidders and 100 webhooks at the same time."""

import contextlib
import dataclasses
import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import psycopg

from bench import load, noop, service, stack
from bench.figures import Figure, Steps, percentile
from bench.fixtures import create_fixtures, create_unpaid_orders, token_of
from bench.gateway import bid_of, sign_up


BIDDERS, WEBHOOKS, AUCTIONS = 100, 100, 10
#: The callers that read from the API, each once in a period: a slow answer delays its caller alone.
READERS = 20
#: While latencies are measured, each bidder bids once in this time, and each webhook comes once.
PERIOD_S = 1.0
#: The pause between two calls in SQL.
PROBE_S = 0.05
PARTS = "postgres,gateway,stripe"
PROBE = "select public.get_time_remaining(%s)"


def figures(*, seconds: float, show: Steps) -> Iterator[Figure]:
    """Measure latencies at a steady rate, then errors while everything is in flight."""
    show("starting a stack with the service")
    with stack.running(only=PARTS) as running, noop.serving(running.environment) as service_port:
        show("selling things for the webhooks")
        market = _Market(running.environment, service_port, seconds)
        market.run(PERIOD_S, period_s=PERIOD_S)  # PostgreSQL and Python fill their caches.
        show(f"{BIDDERS} bids and {WEBHOOKS} webhooks a second")
        yield from _latencies(market.run(seconds, period_s=PERIOD_S))
        show(f"{BIDDERS} bids and {WEBHOOKS} webhooks in flight")
        yield from _in_flight(market, market.run(seconds / 2, period_s=0.0))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """The latencies in seconds of bids, webhooks, an API route, and calls in SQL."""

    bids: Sequence[float]
    webhooks: Sequence[float]
    reads: Sequence[float]
    calls: Sequence[float]


def _latencies(measured: _Measured) -> Iterator[Figure]:
    name = f"{BIDDERS} bids and {WEBHOOKS} webhooks a second"
    for key, what, latencies, target in (
        ("load_write_p95", "bid over HTTP, p95", measured.bids, 150.0),
        ("load_api_p95", "API route with session, p95", measured.reads, 200.0),
        ("load_database_p95", "call in SQL, p95", measured.calls, 50.0),
    ):
        yield Figure(
            key=key,
            name=f"{name}: {what}",
            value=1000 * percentile(latencies, 95),
            unit="ms",
            target=target,
            is_ceiling=True,
            note=f"{len(latencies):,} calls",
        )


def _in_flight(market: "_Market", measured: _Measured) -> Iterator[Figure]:
    name = f"{BIDDERS} bids and {WEBHOOKS} webhooks in flight"
    write_ms, api_ms = (1000 * percentile(each, 95) for each in (measured.bids, measured.reads))
    yield Figure(
        key="load_webhook_worst",
        name=f"{name}: webhook with its effect, worst",
        value=max(measured.webhooks),
        unit="s",
        target=5.0,
        is_ceiling=True,
        note=f"{len(measured.webhooks):,} events; p95 of bids {write_ms:.0f} ms, of the API "
        f"{api_ms:.0f} ms",
    )
    yield Figure(
        key="load_errors",
        name=f"{name}: errors",
        value=len(market.errors),
        unit="",
        target=0.0,
        is_ceiling=True,
        note="; ".join(f"{each.status} {each.body[:80]!r}" for each in market.errors[:2]),
    )


class _Market:
    """Bidders, orders that wait for their payment, and the errors that they meet."""

    def __init__(self, env: Mapping[str, str], service_port: int, seconds: float) -> None:
        self.errors: list[load.Answer] = []
        self._env = env
        self._service_port = service_port
        count = round(service.ORDERS_PER_SECOND * seconds / 2 + WEBHOOKS * (seconds + 3))
        self._orders = iter(create_unpaid_orders(env["DATABASE_URL"], count))
        self._fixtures = create_fixtures(env["DATABASE_URL"], bidders=BIDDERS, auctions=AUCTIONS)
        self._tokens = [token_of(env, bidder_id) for bidder_id in self._fixtures.bidder_ids]
        self._reader = sign_up(env, 0)
        self._prices = itertools.count(200, 10)

    def run(self, seconds: float, *, period_s: float) -> _Measured:
        """Send everything for `seconds`; without a period each connection sends again at once."""
        with _probing(self._env["DATABASE_URL"], self._fixtures.auction_ids[0]) as calls:
            bids, webhooks, reads = load.send_together(
                [self._bids(period_s), self._webhooks(period_s), self._reads()], seconds
            )
        return _Measured(
            bids=bids.latencies_s,
            webhooks=webhooks.latencies_s,
            reads=reads.latencies_s,
            calls=calls,
        )

    def _bids(self, period_s: float) -> load.Load:
        """Let a tenth of the bidders bid for each of the auctions."""
        auction_ids = self._fixtures.auction_ids
        return load.Load(
            port=int(self._env["SUPABASE_URL"].rsplit(":", 1)[1]),
            make=lambda number: bid_of(
                self._env,
                self._tokens[number],
                auction_ids[number % AUCTIONS],
                next(self._prices),
            ),
            connections=BIDDERS,
            period_s=period_s,
            take=self._take,
        )

    def _webhooks(self, period_s: float) -> load.Load:
        secret = self._env["STRIPE_WEBHOOK_SECRETS"].split(",")[0]
        return load.Load(
            port=self._service_port,
            make=lambda _number: service.payment_of(next(self._orders), secret),
            connections=WEBHOOKS,
            period_s=period_s,
            take=self._take,
        )

    def _reads(self) -> load.Load:
        read = load.Request(
            method="GET",
            path=service.SESSION_ROUTES["payouts"],
            headers={"authorization": f"Bearer {self._reader}"},
        )
        return load.Load(
            port=self._service_port,
            make=lambda _number: read,
            connections=READERS,
            period_s=PERIOD_S,
            take=self._take,
        )

    def _take(self, answer: load.Answer) -> None:
        if not answer.is_success:
            self.errors.append(answer)


@contextlib.contextmanager
def _probing(url: str, auction_id: str) -> Iterator[list[float]]:
    """Call the database directly, again and again, until the block ends; give the latencies."""
    latencies_s: list[float] = []
    stopping = threading.Event()

    def call() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stopping.wait(PROBE_S):
                began = time.perf_counter()
                connection.execute(PROBE, [auction_id]).fetchall()
                latencies_s.append(time.perf_counter() - began)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield latencies_s
    finally:
        stopping.set()
        thread.join()
