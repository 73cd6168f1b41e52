"""Auth behind the real gateway, on a database with Supabase's baseline and a trigger on sign-up."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from supabase import Client, ClientOptions, create_client
from supabase_auth.types import AuthMFAEnrollResponse

from devstack.postgres.schema import build_database
from tests.devstack.gateway.auth.clients import PASSWORD, Mails, MakeClient
from tests.support.authenticator import enrolled, verify
from tests.support.gateways import TIMEOUT_S, Gateway, running_gateway


_PROJECT = [Path(__file__).with_name(name) for name in ("new_user_trigger.sql", "vault.sql")]


@pytest.fixture(scope="session")
def database_url(admin_url: str) -> str:
    """Build a database with Auth's and the project's tables; return its address."""
    return build_database(admin_url, "auth_tests", _PROJECT)


@pytest.fixture(scope="session")
def gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Serve the gateway, with the database behind it."""
    with running_gateway(database_url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def open_gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Serve a project that anonymous users may enter."""
    folder = tmp_path_factory.mktemp("open")
    auth = "[auth]\nenable_anonymous_sign_ins = true"
    with running_gateway(database_url, folder, auth=auth) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def closed_gateway(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Serve a project that takes no new users."""
    folder = tmp_path_factory.mktemp("closed")
    auth = "[auth]\nenable_anonymous_sign_ins = true\nenable_signup = false"
    with running_gateway(database_url, folder, auth=auth) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def production_gateway(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Serve our project with all the settings of its Auth that this stack can obey."""
    folder = tmp_path_factory.mktemp("production")
    with running_gateway(database_url, folder, has_production_auth=True) as gateway:
        yield gateway


def _mails(gateway: Gateway) -> Mails:
    def read(to: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{gateway.url}/_control/mails", params={"to": to}, timeout=TIMEOUT_S)
        mails: list[dict[str, Any]] = answer.json()["mails"]
        return mails

    return read


@pytest.fixture
def mails(gateway: Gateway) -> Mails:
    """Return a reader of the mails to an address, the newest first."""
    return _mails(gateway)


@pytest.fixture
def open_mails(open_gateway: Gateway) -> Mails:
    """Return a reader of the mails of the project that anonymous users may enter."""
    return _mails(open_gateway)


@pytest.fixture
def production_mails(production_gateway: Gateway) -> Mails:
    """Return a reader of the mails of the project with all settings."""
    return _mails(production_gateway)


def _client(gateway: Gateway, http: httpx.Client) -> Client:
    options = ClientOptions(httpx_client=http, auto_refresh_token=False)
    return create_client(gateway.url, gateway.keys.publishable_key, options)


@pytest.fixture
def anonymous_client(open_gateway: Gateway, http: httpx.Client) -> Client:
    """Return a client of the project that anonymous users may enter."""
    return _client(open_gateway, http)


@pytest.fixture
def production_client(production_gateway: Gateway, http: httpx.Client) -> Client:
    """Return a client of the project with all settings."""
    return _client(production_gateway, http)


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """Share one HTTP client, for the clients here and for requests no client would make."""
    with httpx.Client(timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture
def make_client(gateway: Gateway, http: httpx.Client) -> MakeClient:
    """Return a maker of official clients, each with a session of its own."""

    def make(key: str | None = None) -> Client:
        options = ClientOptions(httpx_client=http, auto_refresh_token=False)
        return create_client(gateway.url, key or gateway.keys.publishable_key, options)

    return make


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
    """Connect to look at rows, and to make some older than they are."""
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
