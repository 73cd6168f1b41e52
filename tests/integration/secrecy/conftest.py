"""Two gateways on databases that differ in secrets alone, and a client of each reader."""

import contextlib
from collections.abc import Iterator, Mapping

import httpx
import psycopg
import pytest

from devstack.paths import ROOT
from devstack.postgres.schema import build_database, declared_files
from tests.integration.secrecy.planting import Side, plant
from tests.sql.access.world import Reader, World
from tests.support.database_copies import copy_database
from tests.support.gateways import Gateway, running_gateway
from tests.support.waits import ANSWER_S


#: The clients of each reader, by database.
Clients = Mapping[Reader, Mapping[Side, httpx.Client]]


@pytest.fixture(scope="session")
def worlds(admin_url: str) -> tuple[World, Mapping[Side, str]]:
    """Build the world of the access matrix twice, each with its own secrets; give both URLs."""
    url = build_database(admin_url, "secrets", declared_files())
    with psycopg.connect(url) as owner:
        world = World(owner)
    urls = {Side.A: url, Side.B: copy_database(url, "other_secrets")}
    with psycopg.connect(urls[Side.B]) as owner:
        # A copy lacks the settings of the gateway's role, which belong to the first database.
        owner.execute((ROOT / "sql/security/gateway.sql").read_bytes())
    for side, database_url in urls.items():
        plant(admin_url, database_url, world, side)
    return world, urls


@pytest.fixture(scope="session")
def world(worlds: tuple[World, Mapping[Side, str]]) -> World:
    """Return the names and claims of the rows and readers."""
    return worlds[0]


@pytest.fixture(scope="session")
def gateways(
    worlds: tuple[World, Mapping[Side, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Side, Gateway]]:
    """Run a gateway on each of the databases."""
    with contextlib.ExitStack() as stack:
        yield {
            side: stack.enter_context(running_gateway(url, tmp_path_factory.mktemp("gateway")))
            for side, url in worlds[1].items()
        }


@pytest.fixture(scope="session")
def clients(world: World, gateways: Mapping[Side, Gateway]) -> Iterator[Clients]:
    """Give clients that send each reader's token."""
    with contextlib.ExitStack() as stack:
        yield {
            reader: {
                side: stack.enter_context(_client(world, gateway, reader))
                for side, gateway in gateways.items()
            }
            for reader in Reader
        }


def _client(world: World, gateway: Gateway, reader: Reader) -> httpx.Client:
    headers = {
        "apikey": gateway.keys.publishable_key,
        "Authorization": f"Bearer {token_of(gateway, world, reader)}",
    }
    return httpx.Client(base_url=gateway.url, headers=headers, timeout=ANSWER_S)


def token_of(gateway: Gateway, world: World, reader: Reader) -> str:
    """Return the token that a reader sends."""
    keys = {Reader.ANON: gateway.keys.anon_jwt, Reader.SERVICE: gateway.keys.service_role_jwt}
    return keys.get(reader) or gateway.tokens.sign(world.claims(reader) | {"exp": 4_000_000_000})
