"""Fixtures of the service's tests: the whole system running, and signed-in people."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.integration.service.applicant import Applicant
from tests.integration.service.browser import Browser
from tests.integration.service.own_service import OwnService, running_service
from tests.integration.service.sale import Sale
from tests.integration.service.shop import Order, Shop


@pytest.fixture(scope="session")
def shop(stack: Mapping[str, str]) -> Iterator[Shop]:
    """Give a way to act on the stack that these tests share."""
    with Shop(stack) as shop:
        yield shop


@pytest.fixture(scope="module")
def own_service(
    stack: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnService]:
    """Run another service on the stack, which the tests of a module may overload."""
    with running_service(stack, tmp_path_factory.mktemp("service") / "log") as service:
        yield service


@pytest.fixture
def fresh_service(stack: Mapping[str, str], tmp_path: Path) -> Iterator[OwnService]:
    """Run a service whose limits per address have counted no request."""
    with running_service(stack, tmp_path / "log") as service:
        yield service


@pytest.fixture(scope="session")
def signed_in(shop: Shop) -> Callable[[], Browser]:
    """Give a function that signs up a new user, who has passed KYC."""
    return lambda: Browser.of_somebody_new(shop)


@pytest.fixture(scope="module")
def buyer(signed_in: Callable[[], Browser]) -> Browser:
    """Sign up a buyer."""
    return signed_in()


@pytest.fixture(scope="module")
def sale(shop: Shop, signed_in: Callable[[], Browser]) -> Sale:
    """Sign up two people who trade with each other, and another user."""
    return Sale(
        shop=shop,
        seller=Browser.of_somebody_new(shop, role="seller"),
        buyer=signed_in(),
        another=signed_in(),
    )


@pytest.fixture
def paid_order(sale: Sale) -> Order:
    """Sell something that the buyer has paid for."""
    return sale.paid()


@pytest.fixture
def person(shop: Shop) -> Applicant:
    """Sign up a user who is not verified yet."""
    return Applicant.of_somebody_new(shop)


@pytest.fixture
def no_faults(shop: Shop) -> Iterator[None]:
    """End the faults of Stripe after the test."""
    yield
    shop.command("DELETE", "/faults")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on the loop that the Realtime client is written for."""
    return "asyncio"
