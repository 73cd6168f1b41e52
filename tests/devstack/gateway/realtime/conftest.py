"""A gateway of Realtime, to which tests subscribe with the official client."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from realtime import AsyncRealtimeClient

from devstack.postgres.schema import build_database
from tests.devstack.market import MARKET
from tests.support.gateways import Gateway, running_gateway
from tests.support.listening import Connect
from tests.support.waits import ANSWER_S


FILES = [MARKET, Path(__file__).with_name("things.sql")]
#: The client's default gives up after 15 s. A restart may take longer on a busy machine.
MAX_RETRIES, BACKOFF_S = 20, 0.1


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, for which the client is written."""
    return "asyncio"


@pytest.fixture(scope="session")
def gateway(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run the gateway that all tests share."""
    url = build_database(admin_url, "realtime_tests", FILES)
    with running_gateway(url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Return a function that connects the official client, with a key or a user's token."""
    clients: list[AsyncRealtimeClient] = []

    async def connected(gateway: Gateway, access: str | None = None) -> AsyncRealtimeClient:
        client = AsyncRealtimeClient(
            gateway.socket_url,
            gateway.keys.publishable_key,
            timeout=ANSWER_S,
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
    """Connect with the service role, as our own processes do."""
    return await connect(gateway, gateway.keys.service_role_jwt)
