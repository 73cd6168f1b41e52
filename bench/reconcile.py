"""The reconcile job over ten thousand orders that were paid within the last hour."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import psycopg

from bench import stack
from bench.figures import Figure, Steps
from bench.fixtures import create_unpaid_orders
from market import database as postgres
from market import storage
from market.adapters import Adapters
from market.auth_api import AuthApi
from market.database import Database
from market.settings import Settings
from market.stripe_api import StripeApi
from workers.jobs import JOBS


ORDERS = 10_000
PARTS = "postgres,gateway"
HOUR_S = 3600
PAGE_LENGTH = 100
#: Each order has its event in the inbox. The position in Stripe's lists is an hour old.
PAY = """
  with paid as (
    select id, private.confirm_payment_transaction(id, stripe_payment_intent_id,
      'ch_' || stripe_payment_intent_id, amount_cents, 'aud', buyer_id)
    from public.orders
  )
  insert into public.webhook_events (event_id, source, type, livemode, payload_sha256, status,
    outcome, created_at, received_at, processed_at)
  select 'evt_' || id, 'stripe', 'payment_intent.succeeded', false, '', 'processed', 'processed',
    now(), now(), now()
  from paid
"""
REWIND = """
  insert into private.reading_positions
  select list, clock_timestamp() - interval '1 hour'
  from unnest(array['events', 'balance_transactions', 'payment_intents']) as list
"""
UNCHECKED = "select count(*) from private.order_checks where checked_at < %s"


class _Database:
    """The adapter for Postgres, with a count of its calls; each is one SQL statement."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.settings = settings = Settings.from_environment(env)
        self._adapter = postgres.connect(settings, postgres.WORKER_TIMEOUTS)
        self.calls = 0

    def call(self, function: str, **arguments: object) -> Any:
        self.calls += 1
        return self._adapter.call(function, **arguments)


class _Stripe:
    """Stripe's lists in memory, with a count of the pages; a real call adds its network time."""

    def __init__(self, orders: Sequence[Mapping[str, Any]]) -> None:
        self._orders = orders
        self._newest = int(time.time()) - 60
        self.calls = 0

    def list_events(self, _types: Any, *, since: int, until: int) -> Iterator[Any]:
        return self._pages(since, until, lambda order: {"id": f"evt_{order['order_id']}"})

    def list_payment_intents_between(self, *, since: int, until: int) -> Iterator[Any]:
        return self._pages(
            since, until, lambda order: {"id": order["intent_id"], "status": "succeeded"}
        )

    def list_balance_transactions(self, *, since: int, until: int) -> Iterator[Any]:
        return self._pages(since, until, _balance_transaction)

    def _pages(self, since: int, until: int, made: Any) -> Iterator[Any]:
        # The orders were paid one after the other, over the hour.
        step_s = HOUR_S / len(self._orders)
        first = max(0, round((since - self._newest + HOUR_S) / step_s))
        last = min(len(self._orders), round((until - self._newest + HOUR_S) / step_s))
        for start in range(first, max(last, first + 1), PAGE_LENGTH):
            self.calls += 1
            yield [made(order) for order in self._orders[start : min(start + PAGE_LENGTH, last)]]


def _balance_transaction(order: Mapping[str, Any]) -> dict[str, Any]:
    intent_id = order["intent_id"]
    source = {"id": f"ch_{intent_id}", "object": "charge", "payment_intent": intent_id}
    return {
        "id": f"txn_{intent_id}",
        "amount": order["amount_cents"],
        "currency": "aud",
        "created": int(time.time()),
        "source": source,
    }


def figures(*, show: Steps) -> Iterator[Figure]:
    """Run the job until it has read the hour and checked each order, then once more."""
    show("starting a stack")
    with stack.running(only=PARTS) as running:
        url = running.environment["DATABASE_URL"]
        show(f"selling and paying {ORDERS:,} things")
        orders = create_unpaid_orders(url, ORDERS)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(PAY)
            owner.execute(REWIND)
            database, stripe = _Database(running.environment), _Stripe(orders)
            # No account is deleted here, so Auth is never called.
            adapters = Adapters(
                database=cast("Database", database),
                stripe_api=cast("StripeApi", stripe),
                auth_api=cast("AuthApi", None),
                storage=storage.connect(database.settings),
            )
            job = JOBS["reconcile"](adapters)
            show(f"reconciling {ORDERS:,} orders")
            runs, took_s = _run_until_checked(owner, lambda: job.work(job.batch_size))
            yield Figure(
                key="reconcile_hour",
                name=f"reconcile over {ORDERS:,} orders of an hour, every one checked",
                value=took_s,
                unit="s",
                note=f"{runs} runs, {database.calls} statements, {stripe.calls} pages of Stripe",
            )
            _check(owner)
            database.calls = stripe.calls = 0
            began = time.perf_counter()
            job.work(job.batch_size)
            yield Figure(
                key="reconcile_next",
                name=f"reconcile over {ORDERS:,} orders, next run",
                value=time.perf_counter() - began,
                unit="s",
                note=f"{database.calls} statements, {stripe.calls} pages of Stripe",
            )


def _run_until_checked(owner: psycopg.Connection, run: Any) -> tuple[int, float]:
    [(since,)] = owner.execute("select clock_timestamp()").fetchall()
    began = time.perf_counter()
    runs = 0
    while owner.execute(UNCHECKED, [since]).fetchone() != (0,):
        run()
        runs += 1
    return runs, time.perf_counter() - began


def _check(owner: psycopg.Connection) -> None:
    """Raise if an order differs from Stripe or has drifted."""
    query = "select count(*) from private.order_checks where has_drift or difference_cents <> 0"
    if owner.execute(query).fetchone() != (0,):
        raise RuntimeError("orders differ from Stripe")
