"""A gateway of Storage on the sample market and more buckets, and clients of it."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from supabase import Client

from devstack.postgres.schema import build_database
from tests.devstack.market import MARKET
from tests.support.gateways import ClientFor, Gateway, running_gateway
from tests.support.waits import ANSWER_S


@pytest.fixture(scope="session")
def gateway(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    files = [MARKET, Path(__file__).with_name("buckets.sql")]
    url = build_database(admin_url, "storage_tests", files)
    with running_gateway(url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    """Share one plain HTTP client with the secret key."""
    headers = {"apikey": gateway.keys.secret_key}
    base_url = f"{gateway.url}/storage/v1"
    with httpx.Client(base_url=base_url, headers=headers, timeout=ANSWER_S) as client:
        yield client


@pytest.fixture(scope="session")
def keyless_http(gateway: Gateway) -> Iterator[httpx.Client]:
    """Share one plain HTTP client without a key."""
    with httpx.Client(base_url=f"{gateway.url}/storage/v1", timeout=ANSWER_S) as client:
        yield client


@pytest.fixture
def user_id() -> str:
    """Return the id of a user who has no objects yet."""
    return str(uuid.uuid4())


@pytest.fixture
def user(client_for: ClientFor, user_id: str) -> Client:
    return client_for(user_id)
