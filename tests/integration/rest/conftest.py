"""A gateway on a small market of its own, and clients of it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
import supabase
from psycopg import conninfo
from supabase import Client, ClientOptions

from devstack.gateway.context import GatewayConfig
from devstack.ports import free_port
from devstack.schema import build_database
from devstack.tokens import Keys
from tests.integration.rest.ids import ALICE, BOB


START_S = 20
MAX_ROWS = 50


@pytest.fixture(scope="session")
def rest_url(admin_url: str) -> str:
    """Return the URL of the market's database, as its owner."""
    return build_database(admin_url, "rest_tests", [Path(__file__).with_name("market.sql")])


@pytest.fixture(scope="session")
def gateway(
    admin_url: str, rest_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayConfig]:
    """Run a gateway in a process of its own."""
    port = free_port()
    config = GatewayConfig(
        port=port,
        database_url=conninfo.make_conninfo(rest_url, user="authenticator"),
        admin_url=conninfo.make_conninfo(admin_url, dbname="rest_tests"),
        schemas=("public", "shop"),
        max_rows=MAX_ROWS,
        keys=Keys.generate(issuer="tests"),
    )
    path = tmp_path_factory.mktemp("gateway") / "config.json"
    path.write_text(config.to_json())
    command = [sys.executable, "-m", "devstack.gateway", "--config", str(path)]
    with subprocess.Popen(command) as process:  # noqa: S603 -- our own module
        try:
            _wait_until_healthy(config.url, process)
            yield config
        finally:
            process.terminate()


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("The gateway did not start.")


@pytest.fixture(scope="session")
def token(gateway: GatewayConfig) -> Callable[..., str]:
    """Give a function that signs a user's token; what it is told beyond the id wins."""

    def sign(user_id: str, **claims: object) -> str:
        usual = {"sub": user_id, "role": "authenticated", "exp": int(time.time()) + 600}
        return gateway.keys.sign(usual | claims)

    return sign


@pytest.fixture(scope="session")
def transport() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def client_for(
    gateway: GatewayConfig, transport: httpx.Client, token: Callable[..., str]
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
def service(gateway: GatewayConfig, transport: httpx.Client) -> Client:
    return _client(gateway.url, gateway.keys.secret_key, transport, {})


def _client(url: str, key: str, transport: httpx.Client, headers: dict[str, str]) -> Client:
    options = ClientOptions(
        httpx_client=transport,
        headers=headers,
        auto_refresh_token=False,
        persist_session=False,
    )
    return supabase.create_client(url, key, options)


@pytest.fixture
def http(gateway: GatewayConfig) -> Iterator[httpx.Client]:
    """Give a client that knows no PostgREST, as anonymous."""
    headers = {"apikey": gateway.keys.publishable_key}
    with httpx.Client(base_url=f"{gateway.url}/rest/v1", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def owner(rest_url: str) -> Iterator[psycopg.Connection]:
    """Connect as the market's owner, to arrange and to inspect."""
    with psycopg.connect(rest_url, autocommit=True) as connection:
        yield connection
