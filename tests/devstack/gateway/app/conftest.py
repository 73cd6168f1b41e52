"""A gateway that tests command to fail, and a client of it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from devstack.postgres.schema import build_database
from tests.support.gateways import Gateway, running_gateway
from tests.support.waits import ANSWER_S


@pytest.fixture(scope="session")
def gateway(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    url = build_database(admin_url, "fault_tests", [Path(__file__).with_name("notes.sql")])
    with running_gateway(url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    """Return a plain HTTP client of an anonymous visitor."""
    headers = {"apikey": gateway.keys.publishable_key}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=ANSWER_S) as client:
        yield client
