"""A sample of the access matrix through REST, with tokens that the gateway verifies.

`make access` runs this file after the whole matrix. pytest collects only
`test_*.py`, so `make test` skips it.
"""

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from devstack.postgres.schema import build_database, declared_files
from tests.sql.access.test_matrix import MATRIX, key_of, rows_allowed, wrong
from tests.sql.access.world import FORBIDDEN, Reader, World, readers_in
from tests.support.gateways import Gateway, running_gateway
from tests.support.waits import ANSWER_S


#: RPCs that read, each with its argument and the row that it names.
CALLS = {
    "get_auction_state": ("auction_id", "live_auction"),
    "get_my_proxy": ("auction_id", "live_auction"),
    "get_listing_private": ("listing_id", "live"),
}


@pytest.fixture(scope="session")
def world(admin_url: str) -> Iterator[World]:
    """Commit the world of the matrix, so that a gateway sees it."""
    url = build_database(admin_url, "access", declared_files())
    with psycopg.connect(url) as owner:
        world = World(owner)
        owner.commit()
        yield world


@pytest.fixture(scope="session")
def gateway(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway on the world's database."""
    with running_gateway(world.url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def http(world: World, gateway: Gateway, reader: Reader) -> Iterator[httpx.Client]:
    """Give a client that sends the reader's token."""
    token = {Reader.ANON: gateway.keys.publishable_key, Reader.SERVICE: gateway.keys.secret_key}
    bearer = token.get(reader) or gateway.tokens.sign(world.claims(reader) | {"exp": 4_000_000_000})
    headers = {"apikey": gateway.keys.publishable_key, "Authorization": f"Bearer {bearer}"}
    with httpx.Client(base_url=f"{gateway.url}/rest/v1", headers=headers, timeout=ANSWER_S) as http:
        yield http


@pytest.mark.parametrize("reader", Reader)
def test_rest_reads_the_same_rows(world: World, http: httpx.Client, reader: Reader) -> None:
    """A reader gets the rows of the matrix, and an error of a table that is not granted."""
    tables = MATRIX["select"].keys() - {"storage.objects"}
    expected = {table: rows_allowed(reader, table) for table in tables}

    found = {table: _rows_read(world, http, table) for table in tables}

    assert {} == wrong(expected, found)


def _rows_read(world: World, http: httpx.Client, table: str) -> object:
    key = key_of(table)
    answer = http.get(f"/{table.removeprefix('public.')}", params={"select": key})
    if not answer.is_success:
        return answer.json()["code"]
    keys = {str(row[key]) for row in answer.json()}
    return {name for name in MATRIX["select"][table]["rows"] if world.value(name) in keys}


@pytest.mark.parametrize("reader", Reader)
def test_rest_answers_the_same_calls(world: World, http: httpx.Client, reader: Reader) -> None:
    """An RPC that reads answers the readers that the matrix names."""
    expected, found = {}, {}
    for name, (argument, row) in CALLS.items():
        answer = http.post(f"/rpc/{name}", json={argument: world.value(row)})
        body = answer.json()
        expected[name] = any(
            reader in readers_in(call["allowed"])
            for line, call in MATRIX["call"].items()
            if line.partition(",")[0] == name
        )
        found[name] = answer.is_success and bool(body) and body.get("success") is not False

    assert {} == wrong(expected, found)


@pytest.mark.parametrize("verb", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("reader", [Reader.ANON, Reader.BUYER, Reader.ADMIN, Reader.SERVICE])
def test_rest_writes_no_row(world: World, http: httpx.Client, verb: str) -> None:
    """A write of a table that the matrix does not name is an error."""
    closed = MATRIX["select"].keys() - MATRIX["update"].keys() - {"storage.objects"}
    found = {}
    for table in closed:
        key = key_of(table)
        params = {} if verb == "POST" else {key: f"eq.{world.value('order')}"}
        answer = http.request(verb, f"/{table.partition('.')[2]}", params=params, json={key: None})
        found[table] = answer.json()["code"] if answer.content else answer.status_code

    assert {} == {table: code for table, code in found.items() if code not in ERRORS}


#: No grant; a view that cannot be written; an invalid key, or one that is always generated.
ERRORS = (FORBIDDEN, "55000", "22P02", "428C9")
