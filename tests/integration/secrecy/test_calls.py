"""Hostile calls of RPCs by the official client: the answers of the SQL tests, and no other."""

import json
from collections.abc import Iterator, Mapping

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from postgrest.exceptions import APIError
from supabase import Client, ClientOptions, create_client

from clients import answers
from devstack.postgres.schema import build_database, declared_files
from tests.integration.secrecy.conftest import token_of
from tests.sql.access.world import FORBIDDEN, Reader, World
from tests.sql.hostile.callers import PROMISED
from tests.sql.hostile.rpcs import RPCS, Rpc
from tests.sql.hostile.values import arguments, with_ids
from tests.support.fuzzing import fuzzed
from tests.support.gateways import running_gateway
from tests.support.waits import ANSWER_S


#: A body that is no JSON for this function, or has too many levels.
BAD_INPUT = ("PGRST102", "PGRST202", "54001")


@pytest.fixture(scope="module")
def users(
    admin_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Mapping[Reader, Client], World]]:
    """Run a gateway on a database that the calls may change, with each reader's client."""
    url = build_database(admin_url, "hostile_calls", declared_files())
    with psycopg.connect(url) as owner:
        world = World(owner)
    folder = tmp_path_factory.mktemp("gateway")
    with running_gateway(url, folder) as gateway, httpx.Client(timeout=ANSWER_S) as http:
        clients = {}
        for reader in Reader:
            headers = {"Authorization": f"Bearer {token_of(gateway, world, reader)}"}
            options = ClientOptions(
                httpx_client=http, headers=headers, auto_refresh_token=False, persist_session=False
            )
            clients[reader] = create_client(gateway.url, gateway.keys.publishable_key, options)
        yield clients, world


@fuzzed(20)
@given(st.data(), st.sampled_from(RPCS), st.sampled_from(Reader))
def test_clients_get_documented_answers(
    users: tuple[Mapping[Reader, Client], World], data: st.DataObject, rpc: Rpc, reader: Reader
) -> None:
    """A refusal is an answer with a code; an error has the code of its kind."""
    clients, world = users
    sent = with_ids(data.draw(arguments(rpc)), world)
    try:
        json.dumps(sent, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # The client cannot send half of a surrogate pair; the SQL tests do.
        return
    try:
        answer = clients[reader].rpc(rpc.name, sent).execute().data
    except APIError as error:
        check_error(rpc, error, is_granted=world.role(reader) in rpc.callers)
    else:
        answers.check(rpc.name, answer)
        if isinstance(answer, dict) and answer.get("success") is False:
            assert answer["code"] in rpc.codes


def check_error(rpc: Rpc, error: APIError, *, is_granted: bool) -> None:
    """Fail unless an error is the caller's."""
    code = str(error.code)
    if not is_granted:
        assert code in (FORBIDDEN, *BAD_INPUT) or code.startswith("22"), error
    elif (rpc.name, code) in PROMISED:
        assert str(error.message).startswith(PROMISED[rpc.name, code])
    elif code.startswith("PT4"):
        assert error.message in rpc.codes
    else:
        assert code in BAD_INPUT or code.startswith("22"), error
