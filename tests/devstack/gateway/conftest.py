"""Fixtures of all suites of the gateway; each folder has a `gateway` of its own."""

import itertools
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from supabase import Client

from tests.support.gateway_control import GatewayControl, commanded
from tests.support.gateways import ClientFor, Gateway
from tests.support.waits import ANSWER_S


@pytest.fixture(scope="session")
def transport() -> Iterator[httpx.Client]:
    """Share one HTTP client: it sends for the official clients, and any other request."""
    with httpx.Client(timeout=ANSWER_S) as client:
        yield client


@pytest.fixture
def client_for(gateway: Gateway, transport: httpx.Client) -> ClientFor:
    """Return a function that makes the official client of a user, or of nobody."""
    return lambda user_id: gateway.client(transport, user_id=user_id)


@pytest.fixture
def service(gateway: Gateway, transport: httpx.Client) -> Client:
    """Return the official client with the secret key."""
    return gateway.client(transport, key=gateway.keys.secret_key)


@pytest.fixture
def owner(gateway: Gateway) -> Iterator[psycopg.Connection]:
    """Connect as the owner of the tables; each statement commits."""
    with psycopg.connect(gateway.owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def control(gateway: Gateway) -> Iterator[GatewayControl]:
    """Return the gateway's control API; end every fault after the test."""
    with commanded(gateway.url) as control:
        yield control


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Count through the whole run, so that each row of a test gets a number of its own."""
    return itertools.count(1)
