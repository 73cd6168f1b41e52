"""Locked orders, and the sessions that wait for them."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from tests.integration.service.shop import Order, Shop


#: A session that waits for a lock to run one of these functions.
_WAITING = """
  from pg_stat_activity
  where wait_event_type = 'Lock' and query similar to '%%(' || %s || ')%%'
"""
APPLYING = "apply_payment_succeeded"
STORING_OR_APPLYING = f"store_webhook_event|{APPLYING}"


@contextmanager
def locked(shop: Shop, orders: Sequence[Order]) -> Iterator[None]:
    """Lock these orders, so that a payment cannot be applied before the block ends."""
    with psycopg.connect(shop.environment["DATABASE_URL"]) as other:
        other.execute(
            "select from public.orders where id = any(%s) for update",
            [[uuid.UUID(order.id) for order in orders]],
        )
        yield
        other.rollback()


def waiting_count(superuser: psycopg.Connection, functions: str = STORING_OR_APPLYING) -> int:
    """Return the number of sessions that wait to store or apply a payment."""
    [(count,)] = superuser.execute(f"select count(*) {_WAITING}", [functions]).fetchall()
    return int(count)


def end_waiting(superuser: psycopg.Connection, functions: str = STORING_OR_APPLYING) -> None:
    """End the waiting sessions, so that they do not go on after the lock is released."""
    superuser.execute(f"select pg_terminate_backend(pid) {_WAITING}", [functions])
