"""Orders that are locked, so that whoever would change them waits, and can be seen to wait."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from tests.integration.service.shop import Order, Shop


_WAITING = """
  select count(*) from pg_stat_activity
  where wait_event_type = 'Lock'
    and (query like '%apply_payment_succeeded%' or query like '%store_webhook_event%')
"""
_END_WAITING = """
  select pg_terminate_backend(pid) from pg_stat_activity
  where wait_event_type = 'Lock'
    and (query like '%apply_payment_succeeded%' or query like '%store_webhook_event%')
"""


@contextmanager
def locked(shop: Shop, orders: Sequence[Order]) -> Iterator[None]:
    """Keep payments from being applied to these orders: whoever tries waits."""
    with psycopg.connect(shop.environment["DATABASE_URL"]) as other:
        other.execute(
            "select from public.orders where id = any(%s) for update",
            [[uuid.UUID(order.id) for order in orders]],
        )
        yield
        other.rollback()


def waiting_count(superuser: psycopg.Connection) -> int:
    """Return how many would store or apply a payment and wait."""
    [(count,)] = superuser.execute(_WAITING).fetchall()
    return int(count)


def end_waiting(superuser: psycopg.Connection) -> None:
    """End those who wait, so that they do not go on when the lock is gone."""
    superuser.execute(_END_WAITING)
