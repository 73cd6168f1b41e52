"""A gateway of REST on the sample market, and clients of it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from supabase import Client

from devstack.postgres.schema import build_database
from tests.devstack.market import ALICE, BOB, MARKET
from tests.support.gateways import ClientFor, Gateway, running_gateway
from tests.support.waits import ANSWER_S


MAX_ROWS = 50


@pytest.fixture(scope="session")
def gateway(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway that serves two schemas."""
    own = [Path(__file__).with_name(name) for name in ("forms.sql", "domains.sql")]
    url = build_database(admin_url, "rest_tests", [MARKET, *own])
    folder = tmp_path_factory.mktemp("gateway")
    with running_gateway(url, folder, schemas=("public", "shop"), max_rows=MAX_ROWS) as gateway:
        yield gateway


@pytest.fixture
def anon(client_for: ClientFor) -> Client:
    return client_for(None)


@pytest.fixture
def alice(client_for: ClientFor) -> Client:
    return client_for(ALICE)


@pytest.fixture
def bob(client_for: ClientFor) -> Client:
    return client_for(BOB)


@pytest.fixture(scope="session")
def _http(gateway: Gateway) -> Iterator[httpx.Client]:
    """Share one client between all tests, because a new one costs more than most of them."""
    headers = {"apikey": gateway.keys.publishable_key}
    with httpx.Client(
        base_url=f"{gateway.url}/rest/v1", headers=headers, timeout=ANSWER_S
    ) as client:
        yield client


@pytest.fixture
def http(_http: httpx.Client) -> httpx.Client:
    """Return a plain HTTP client of an anonymous visitor, without cookies of other tests."""
    _http.cookies.clear()
    return _http
