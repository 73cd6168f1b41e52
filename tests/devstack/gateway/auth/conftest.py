"""A gateway of Auth on a database with Supabase's baseline and a trigger on sign-up."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from supabase import Client
from supabase_auth.types import AuthMFAEnrollResponse

from devstack.postgres.schema import build_database
from tests.devstack.gateway.auth.clients import PASSWORD, Mails, MakeClient
from tests.support.authenticator import enrolled, verify
from tests.support.gateways import Gateway, running_gateway


_PROJECT = [Path(__file__).with_name(name) for name in ("new_user_trigger.sql", "vault.sql")]


@pytest.fixture(scope="session")
def database_url(admin_url: str) -> str:
    """Build a database with the tables of Auth and of the project; return its URL."""
    return build_database(admin_url, "auth_tests", _PROJECT)


@pytest.fixture(scope="session")
def gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Serve the gateway, with the database behind it."""
    with running_gateway(database_url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def mails(gateway: Gateway) -> Mails:
    """Return a reader of the mails to an address, the newest first."""
    return gateway.mails


@pytest.fixture
def http(transport: httpx.Client) -> httpx.Client:
    """Return the plain HTTP client, for requests that no official client makes."""
    return transport


@pytest.fixture
def make_client(gateway: Gateway, http: httpx.Client) -> MakeClient:
    """Return a maker of official clients, each with a session of its own."""
    return lambda key="": gateway.client(http, key=key)


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    """Return a client with the publishable key, as a browser has it."""
    return make_client()


@pytest.fixture
def admin(make_client: MakeClient, gateway: Gateway) -> Client:
    """Return a client with the secret key."""
    return make_client(gateway.keys.secret_key)


@pytest.fixture
def database(gateway: Gateway) -> Iterator[psycopg.Connection]:
    """Connect as superuser, to inspect rows and to make some of them older."""
    with psycopg.connect(gateway.config.admin_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def user(client: Client, email: str) -> Client:
    """Return a client that has signed up."""
    client.auth.sign_up(
        {"email": email, "password": PASSWORD, "options": {"data": {"nickname": "Ada", "age": 36}}}
    )
    return client


@pytest.fixture
def factor(user: Client) -> AuthMFAEnrollResponse:
    """Return the user's factor, verified: the client's session is at aal2."""
    factor = enrolled(user)
    verify(user, factor)
    return factor


@pytest.fixture
def other_device(make_client: MakeClient, user: Client, email: str) -> Client:
    """Return another client on which the same user is signed in."""
    assert user.auth.get_session() is not None
    client = make_client()
    client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    return client


@pytest.fixture
def email() -> str:
    """Return an address that nobody has."""
    return f"{uuid.uuid4().hex[:12]}@example.com"
