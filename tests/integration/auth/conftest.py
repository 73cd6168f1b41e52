"""Auth behind the real gateway, on a database with Supabase's baseline and a trigger on sign-up."""

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
import uvicorn
from psycopg import conninfo
from supabase import Client, ClientOptions, create_client

from devstack.gateway.app import create_app
from devstack.gateway.context import GatewayConfig
from devstack.schema import build_database
from devstack.tokens import Keys
from tests.integration.auth.clients import MakeClient


_TRIGGER = Path(__file__).with_name("new_user_trigger.sql")


@pytest.fixture(scope="module")
def gateway(admin_url: str) -> Iterator[GatewayConfig]:
    """Serve the gateway on a free port, with Auth's and the project's tables behind it."""
    database_url = build_database(admin_url, "auth_tests", [_TRIGGER])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = GatewayConfig(
            port=port,
            database_url=conninfo.make_conninfo(database_url, user="authenticator"),
            admin_url=conninfo.make_conninfo(database_url, user="supabase_admin"),
            schemas=("public",),
            max_rows=1000,
            keys=Keys.generate(issuer=f"http://127.0.0.1:{port}/auth/v1"),
        )
        with _served(config, listener):
            yield config


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """Share one HTTP client, for the clients here and for requests no client would make."""
    with httpx.Client(timeout=10) as client:
        yield client


@pytest.fixture
def make_client(gateway: GatewayConfig, http: httpx.Client) -> MakeClient:
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
def admin(make_client: MakeClient, gateway: GatewayConfig) -> Client:
    """Return a client with the secret key."""
    return make_client(gateway.keys.secret_key)


@pytest.fixture
def database(gateway: GatewayConfig) -> Iterator[psycopg.Connection]:
    """Connect to look at rows, and to make some older than they are."""
    with psycopg.connect(gateway.admin_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def email() -> str:
    """Return an address that nobody has."""
    return f"{uuid.uuid4().hex[:12]}@example.com"


@contextlib.contextmanager
def _served(config: GatewayConfig, listener: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(create_app(config), log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive(), "the gateway did not start"
        assert time.monotonic() < deadline, "the gateway took too long to start"
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)
