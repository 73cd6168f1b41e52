"""Fixtures of the fault tests: a stack without workers, and fleets that they start."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import psycopg
import pytest

from devstack.supervisor.processes import wait_until
from tests.faults.delivering import DELIVERY_LOOK_S, is_done_delivering
from tests.faults.fleet import Fleet
from tests.faults.refunding import REFUND_EVENTS
from tests.integration.service.processes import Gunicorn
from tests.integration.service.shop import Order, Shop
from tests.support.stack import running_stack
from tests.support.waits import ANSWER_S


@pytest.fixture(scope="session")
def environment() -> Iterator[Mapping[str, str]]:
    """Start all but the workers; the tests of this folder use the stack one after the other."""
    with running_stack("--only", "postgres,gateway,stripe,service") as environment:
        yield environment


@pytest.fixture(autouse=True)
def _left_in_order(environment: Mapping[str, str]) -> Iterator[None]:
    """Leave a running service to the next test, and a Stripe without faults and waiting events.

    A test may kill the service, and Stripe then tries its events again later: in the next test.
    """
    yield
    with httpx.Client(base_url=environment["STRIPE_CONTROL_URL"], timeout=ANSWER_S) as stripe:
        stripe.delete("/faults").raise_for_status()
        stripe.put("/delivery", json={"mode": "normal"}).raise_for_status()
        Gunicorn.at(environment["SERVICE_URL"])
        stripe.post("/deliveries/release", json={}).raise_for_status()
        is_done = wait_until(lambda: is_done_delivering(stripe), ANSWER_S, DELIVERY_LOOK_S)
        assert is_done, "Stripe still delivers events"


@pytest.fixture(scope="module")
def shop(environment: Mapping[str, str]) -> Iterator[Shop]:
    """Give a new Shop per module, because a crash of Postgres cuts its connections."""
    with Shop(environment) as shop:
        yield shop


@pytest.fixture
def superuser(environment: Mapping[str, str]) -> Iterator[psycopg.Connection]:
    """Connect as the superuser, who may end other sessions."""
    with psycopg.connect(environment["ADMIN_DATABASE_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def fleet(
    environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Run one fleet of workers for a module; its tests leave it alive."""
    fleet = Fleet(environment, tmp_path_factory.mktemp("fleet") / "workers.log")
    with contextlib.closing(fleet):
        fleet.start()
        yield fleet


@pytest.fixture
def new_fleet(environment: Mapping[str, str], tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    """Give a function that starts fleets; the fixture ends them after the test."""
    fleets: list[Fleet] = []

    def made(**changes: str) -> Fleet:
        fleets.append(Fleet(environment, tmp_path / f"workers.{len(fleets)}.log", **changes))
        return fleets[-1]

    yield made
    for fleet in fleets:
        fleet.close()


@pytest.fixture
def silent_stripe(shop: Shop) -> None:
    """Hold the events of refunds and transfers: only the answer to our call settles them."""
    shop.command("PUT", "/delivery", mode="hold", event_types=[*REFUND_EVENTS, "transfer.*"])


@pytest.fixture
def order(shop: Shop) -> Order:
    return shop.paid()
