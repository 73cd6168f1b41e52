"""What the tests of the service rely on: the whole system running, and people who are signed in."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.integration.service.browser import Browser
from tests.integration.service.shop import Shop


@pytest.fixture(scope="session")
def shop(stack: Mapping[str, str]) -> Iterator[Shop]:
    """Give a way to act on the stack that these tests share."""
    with Shop(stack) as shop:
        yield shop


@pytest.fixture(scope="session")
def signed_in(shop: Shop) -> Callable[[], Browser]:
    """Give a way to sign somebody new up, who has passed KYC."""
    return lambda: Browser.of_somebody_new(shop)


@pytest.fixture(scope="module")
def buyer(signed_in: Callable[[], Browser]) -> Browser:
    """Sign up somebody who buys."""
    return signed_in()
