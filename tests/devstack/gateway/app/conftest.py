"""A gateway that fails on command, and its clients."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from devstack.postgres.schema import build_database
from tests.support.gateway_control import GatewayControl, commanded
from tests.support.gateways import TIMEOUT_S, Gateway, running_gateway


@pytest.fixture(scope="session")
def notes_url(admin_url: str) -> str:
    """Return the URL of the tests' database, as its owner."""
    return build_database(admin_url, "fault_tests", [Path(__file__).with_name("notes.sql")])


@pytest.fixture(scope="session")
def gateway(notes_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(notes_url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def control(gateway: Gateway) -> Iterator[GatewayControl]:
    """Give the gateway's control API; end every fault after the test."""
    with commanded(gateway.url) as control:
        yield control


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    """Give a client that is no library, as anonymous."""
    headers = {"apikey": gateway.keys.publishable_key}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture
def owner(notes_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(notes_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Give each row of a whole run a number of its own."""
    return itertools.count(1)
