"""Drawn requests to the tables reveal no secret: neither as a value nor by their effect."""

import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.secrecy.conftest import Clients
from tests.integration.secrecy.drawn_requests import TABLES, DrawnRequest, drawn
from tests.integration.secrecy.planting import CELLS, MARK, Side, leaks
from tests.sql.access.world import Reader, World
from tests.support.fuzzing import fuzzed


#: The world has nothing of theirs, so all that they get is the same in both databases.
UNINVOLVED = (Reader.ANON, Reader.OUTSIDER, Reader.SERVICE)
INVOLVED = sorted(set(Reader) - set(UNINVOLVED))
#: A change stamps its row; the databases are changed one after the other.
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*([+-]\d\d(:?\d\d)?|Z)?")


def send(client: httpx.Client, world: World, request: DrawnRequest) -> httpx.Response:
    """Send a request with the ids of the rows that it names."""
    has_body = request.method in ("POST", "PATCH", "PUT")
    return client.request(
        request.method,
        f"/rest/v1/{request.table}",
        params=[(name, filled(world, value)) for name, value in request.query],
        headers=dict(request.headers),
        json={name: filled(world, value) for name, value in request.body.items()}
        if has_body
        else None,
    )


def filled(world: World, value: Any) -> Any:
    """Put ids for the names of rows."""
    if isinstance(value, str):
        return re.sub(r"@(\w+)@", lambda match: world.value(match[1]), value)
    return value


def content(request: DrawnRequest, answer: httpx.Response) -> tuple[int, list[str], str]:
    """Return an answer without times and without the order of its rows.

    Other tests change rows of one database, which moves them to the end of their table. Which rows
    a limit leaves is then by chance.
    """
    is_cut = {"limit", "offset"} & {name for name, _ in request.query} or "Range" in request.headers
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in ("date", "content-length", "proxy-status")
    }
    text = "" if is_cut else TIME.sub("<time>", answer.text)
    return answer.status_code, sorted(text), TIME.sub("<time>", str(headers))


def check(reader: Reader, answer: httpx.Response) -> None:
    """Fail on an error of the server, and on a secret that the reader may not select."""
    assert answer.status_code < 500, answer.text
    sent = f"{answer.request.url}{answer.request.content!r}"
    assert set() == leaks(reader, f"{answer.headers}{answer.text}", sent)


@pytest.mark.parametrize("reader", Reader)
def test_readers_find_their_own_secrets(clients: Clients, world: World, reader: Reader) -> None:
    """A reader of all tables finds the secrets of their own rows, and no other."""
    found = ""
    for table in TABLES:
        select = "event_id" if table == "webhook_events" else "id"
        query = (("select", select),) if reader is Reader.SERVICE else ()
        answer = send(
            clients[reader][Side.A], world, DrawnRequest(method="GET", table=table, query=query)
        )
        check(reader, answer)
        found += answer.text

    own = {number for number, cell in enumerate(CELLS) if reader in cell.readers}
    assert own == {int(mark[3:]) for mark in MARK.findall(found)}


@fuzzed(12)
@given(drawn(), st.sampled_from(INVOLVED))
def test_tables_reveal_no_secret(
    clients: Clients, world: World, request: DrawnRequest, involved: Reader
) -> None:
    """A reader gets the secrets of their own rows, and those without rows get equal answers."""
    check(involved, send(clients[involved][Side.A], world, request))
    for reader in UNINVOLVED:
        answers = [send(client, world, request) for client in clients[reader].values()]

        check(reader, answers[0])
        assert content(request, answers[0]) == content(request, answers[1])
