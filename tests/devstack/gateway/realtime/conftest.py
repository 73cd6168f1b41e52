"""A gateway on tables of its own, which tests subscribe to with the official client."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from realtime import AsyncRealtimeClient

from devstack.postgres.schema import build_database
from tests.support.gateway_control import GatewayControl, commanded
from tests.support.gateways import TIMEOUT_S, Gateway, running_gateway
from tests.support.listening import Connect


DATABASE = "realtime_tests"
FILES = [Path(__file__).with_name(name) for name in ("things.sql", "market.sql")]
#: By itself the client gives up after 15 s, which a busy machine may need for a restart.
MAX_RETRIES, BACKOFF_S = 20, 0.1


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on the loop that the client is written for."""
    return "asyncio"


@pytest.fixture(scope="session")
def database_url(admin_url: str) -> str:
    """Return the URL of the tests' database, as its owner."""
    return build_database(admin_url, DATABASE, FILES)


@pytest.fixture
def db(database_url: str) -> Iterator[psycopg.Connection]:
    """Connect as the owner; each statement commits."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run the gateway that all tests share."""
    with running_gateway(database_url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def control(gateway: Gateway) -> Iterator[GatewayControl]:
    """Give the command over the shared gateway's troubles, and end them after the test."""
    with commanded(gateway.url) as control:
        yield control


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Give a way to connect the official client to a gateway, with a key or a user's token."""
    clients: list[AsyncRealtimeClient] = []

    async def connected(gateway: Gateway, access: str | None = None) -> AsyncRealtimeClient:
        client = AsyncRealtimeClient(
            gateway.socket_url,
            gateway.keys.publishable_key,
            timeout=TIMEOUT_S,
            max_retries=MAX_RETRIES,
            initial_backoff=BACKOFF_S,
        )
        clients.append(client)
        if access is not None:
            await client.set_auth(access)
        await client.connect()
        return client

    yield connected
    for client in clients:
        await client.close()


@pytest.fixture
async def service(gateway: Gateway, connect: Connect) -> AsyncRealtimeClient:
    """Connect as one of our own processes would."""
    return await connect(gateway, gateway.keys.service_role_jwt)


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Give each row of a whole run a number of its own, so that no test meets another's."""
    return itertools.count(1)
