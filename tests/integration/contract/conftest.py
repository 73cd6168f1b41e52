"""Fixtures of the tests of the contract: a market on a running stack, and its visitors."""

from collections.abc import Iterator, Mapping

import pytest

from tests.integration.contract.market import Market, Role, Visitor
from tests.integration.contract.sites import CallMarket
from tests.integration.service.shop import Shop


@pytest.fixture(scope="session")
def market(stack: Mapping[str, str]) -> Iterator[Market]:
    """Sell one thing and put another on sale, with bids, order, thread and dispute."""
    with Shop(stack) as shop:
        yield Market.opened(shop)


@pytest.fixture(scope="session")
def visitors(market: Market) -> Iterator[Mapping[Role, Visitor]]:
    """Give a client of the official library for each role."""
    visitors = {role: Visitor.of(market, role) for role in Role}
    yield visitors
    for visitor in visitors.values():
        visitor.http.close()


@pytest.fixture(scope="session")
def call_market(market: Market) -> Iterator[CallMarket]:
    """Open a market whose calls may change anything."""
    with CallMarket.opened(market.shop) as call_market:
        yield call_market


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on the loop that the Realtime client is written for."""
    return "asyncio"
