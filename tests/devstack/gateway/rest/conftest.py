"""A gateway on a small market of its own, and clients of it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
import supabase
from supabase import Client, ClientOptions

from devstack.postgres.schema import build_database
from tests.devstack.gateway.rest.ids import ALICE, BOB
from tests.support.gateways import TIMEOUT_S, Gateway, running_gateway


MAX_ROWS = 50


@pytest.fixture(scope="session")
def rest_url(admin_url: str) -> str:
    """Return the URL of the market's database, as its owner."""
    files = [
        Path(__file__).with_name(name)
        for name in ("market.sql", "disputes.sql", "forms.sql", "domains.sql")
    ]
    return build_database(admin_url, "rest_tests", files)


@pytest.fixture(scope="session")
def gateway(rest_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway that shows two schemas."""
    folder = tmp_path_factory.mktemp("gateway")
    with running_gateway(
        rest_url, folder, schemas=("public", "shop"), max_rows=MAX_ROWS
    ) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def token(gateway: Gateway) -> Callable[..., str]:
    """Give a function that signs a user's token; what it is told beyond the id wins."""

    def sign(user_id: str, **claims: object) -> str:
        usual = {"sub": user_id, "role": "authenticated", "exp": int(time.time()) + 600}
        return gateway.keys.sign(usual | claims)

    return sign


@pytest.fixture(scope="session")
def transport() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture(scope="session")
def client_for(
    gateway: Gateway, transport: httpx.Client, token: Callable[..., str]
) -> Callable[[str | None], Client]:
    """Give a function that makes the official client of a user, or of nobody."""

    def make(user_id: str | None) -> Client:
        headers = {} if user_id is None else {"Authorization": f"Bearer {token(user_id)}"}
        return _client(gateway.url, gateway.keys.publishable_key, transport, headers)

    return make


@pytest.fixture(scope="session")
def anon(client_for: Callable[[str | None], Client]) -> Client:
    return client_for(None)


@pytest.fixture(scope="session")
def alice(client_for: Callable[[str | None], Client]) -> Client:
    return client_for(ALICE)


@pytest.fixture(scope="session")
def bob(client_for: Callable[[str | None], Client]) -> Client:
    return client_for(BOB)


@pytest.fixture(scope="session")
def service(gateway: Gateway, transport: httpx.Client) -> Client:
    return _client(gateway.url, gateway.keys.secret_key, transport, {})


def _client(url: str, key: str, transport: httpx.Client, headers: dict[str, str]) -> Client:
    options = ClientOptions(
        httpx_client=transport,
        headers=headers,
        auto_refresh_token=False,
        persist_session=False,
    )
    return supabase.create_client(url, key, options)


@pytest.fixture(scope="session")
def _visitor(gateway: Gateway) -> Iterator[httpx.Client]:
    """Keep one client for all tests: making one costs more than most of them."""
    headers = {"apikey": gateway.keys.publishable_key}
    with httpx.Client(
        base_url=f"{gateway.url}/rest/v1", headers=headers, timeout=TIMEOUT_S
    ) as client:
        yield client


@pytest.fixture
def http(_visitor: httpx.Client) -> httpx.Client:
    """Give a client that knows no PostgREST, as anonymous, and remembers no other test."""
    _visitor.cookies.clear()
    return _visitor


@pytest.fixture
def owner(rest_url: str) -> Iterator[psycopg.Connection]:
    """Connect as the market's owner, to arrange and to inspect."""
    with psycopg.connect(rest_url, autocommit=True) as connection:
        yield connection
