"""Postgres crashes under load and recovers; no other process is restarted."""

import os
import signal
import uuid
from collections.abc import Callable, Mapping

import psycopg
import pytest

from tests.faults.delivering import DELIVERY_LOOK_S, is_done_delivering
from tests.faults.fleet import Fleet
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("kills")


def crash_postgres(shop: Shop, superuser: psycopg.Connection) -> None:
    """Kill one process of Postgres: all sessions end, and Postgres recovers from its log."""
    os.kill(superuser.info.backend_pid, signal.SIGKILL)
    # Before Postgres notices the kill, Postgres accepts connections and then cuts them.
    shop.wait_for(lambda: is_cut(shop))


def is_cut(shop: Shop) -> bool:
    try:
        shop.db.execute("select")
    except psycopg.OperationalError:
        return True
    return False


def is_back(shop: Shop) -> bool:
    try:
        psycopg.connect(shop.environment["DATABASE_URL"]).close()
    except psycopg.OperationalError:
        return False
    return True


def test_postgres_that_crashes_loses_and_doubles_nothing(
    environment: Mapping[str, str], superuser: psycopg.Connection, new_fleet: Callable[..., Fleet]
) -> None:
    """Stripe's retries complete the payments of a crash, and no process is restarted."""
    fleet = new_fleet()
    fleet.start()
    with Shop(environment) as before:
        orders = [before.awaiting() for _ in range(12)]
        for order in orders[:6]:
            before.pay(order)
        before.wait_for(lambda: before.count_paid(orders) >= 3)
        crash_postgres(before, superuser)
        for order in orders[6:]:
            before.pay(order)
        before.wait_for(lambda: is_back(before))
    with Shop(environment) as shop:
        auction_id = shop.auction()
        shop.service.call("end_auction", auction_id=auction_id, force=True)
        waiting = shop.awaiting(f"pi_{uuid.uuid4().hex}")
        shop.keep(shop.event(waiting.paid_intent()))
        shop.wait_for(
            lambda: is_done_delivering(shop.control) and shop.count_paid([*orders, waiting]) == 13,
            look_s=DELIVERY_LOOK_S,
        )

        assert fleet.process.poll() is None
        shop.wait_for(lambda: shop.http.get("/api/health/ready").status_code == 200)
        shop.check_books()
