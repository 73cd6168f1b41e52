"""Fixtures for the tests of adapters: the system behind them, and settings to reach it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from market import database, retry
from market.database import WORKER_TIMEOUTS, Database, Timeouts
from market.settings import Settings
from tests.integration.adapters.proxy import Proxy
from tests.integration.service.shop import Shop


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on the loop that the workers run on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _retry_on_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the number of tries end the retries of a call, not the time that they take."""
    monkeypatch.setattr(retry, "_CALL_LIMIT_S", 60.0)


@pytest.fixture(scope="session")
def settings(stack: Mapping[str, str]) -> Settings:
    """Return the settings of a process of ours on the stack."""
    return Settings.from_environment(stack)


@pytest.fixture(scope="module")
def shop(stack: Mapping[str, str]) -> Iterator[Shop]:
    """Give a way to act on the stack beside the adapter."""
    with Shop(stack) as shop:
        yield shop


@pytest.fixture
def proxy(stack: Mapping[str, str]) -> Iterator[Proxy]:
    """Run a proxy between an adapter and the gateway."""
    with Proxy(stack["SUPABASE_URL"]) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def connect_database() -> Iterator[Callable[..., Database]]:
    """Give a function that builds adapters to Postgres; an adapter lives as long as its process."""
    with ExitStack() as closing:

        def opened(settings: Settings, timeouts: Timeouts = WORKER_TIMEOUTS) -> Database:
            adapter = database.connect(settings, timeouts)
            closing.callback(adapter._client.postgrest.session.close)  # noqa: SLF001 - see above
            return adapter

        yield opened
