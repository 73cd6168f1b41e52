"""Storage behind the real gateway, on a database with a market's buckets, and clients of it."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from supabase import Client, ClientOptions, create_client

from devstack.postgres.schema import build_database
from tests.devstack.gateway.storage.clients import ClientFor
from tests.support.gateways import TIMEOUT_S, Gateway, running_gateway


@pytest.fixture(scope="session")
def storage_url(admin_url: str) -> str:
    """Return the URL of the market's database, as its owner."""
    return build_database(admin_url, "storage_tests", [Path(__file__).with_name("market.sql")])


@pytest.fixture(scope="session")
def gateway(storage_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(storage_url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def transport() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture(scope="session")
def client_for(gateway: Gateway, transport: httpx.Client) -> ClientFor:
    """Give a function that makes the official client of a user, or of nobody."""

    def make(user_id: str | None) -> Client:
        headers = {} if user_id is None else {"Authorization": f"Bearer {gateway.token(user_id)}"}
        return _client(gateway.url, gateway.keys.publishable_key, transport, headers)

    return make


@pytest.fixture(scope="session")
def service(gateway: Gateway, transport: httpx.Client) -> Client:
    return _client(gateway.url, gateway.keys.secret_key, transport, {})


@pytest.fixture(scope="session")
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    """Give a client that knows no Storage, with the secret key."""
    headers = {"apikey": gateway.keys.secret_key}
    base_url = f"{gateway.url}/storage/v1"
    with httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture(scope="session")
def stranger(gateway: Gateway) -> Iterator[httpx.Client]:
    """Give a client that knows no Storage and has no key."""
    with httpx.Client(base_url=f"{gateway.url}/storage/v1", timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture
def owner(storage_url: str) -> Iterator[psycopg.Connection]:
    """Connect as the market's owner, to arrange and to inspect."""
    with psycopg.connect(storage_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def user_id() -> str:
    """Return somebody who has nothing yet."""
    return str(uuid.uuid4())


@pytest.fixture
def user(client_for: ClientFor, user_id: str) -> Client:
    return client_for(user_id)


def _client(url: str, key: str, transport: httpx.Client, headers: dict[str, str]) -> Client:
    options = ClientOptions(
        httpx_client=transport, headers=headers, auto_refresh_token=False, persist_session=False
    )
    return create_client(url, key, options)
