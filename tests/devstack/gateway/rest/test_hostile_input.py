"""The gateway answers any input with a clear 4xx, never with a 500, and never hangs."""

import socket
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fuzzing import fuzzed
from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


INJECTIONS = (
    "x'; drop table listings; --",
    'x"; drop table listings; --',
    "$1",
    "%s",
    "x) union select 1 --",
    "pg_sleep(9)",
    "\\",
    "e'\\\\x'",
    "/*",
    "*/",
    "\u202e\U0001d54f",
)


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize(
    "template",
    [
        {"select": "{}"},
        {"select": "{}:id"},
        {"select": "id::{}"},
        {"select": "location->{}"},
        {"select": "location->>'{}'"},
        {"select": "auctions!{}(id)"},
        {"select": "auctions({})"},
        {"order": "{}"},
        {"order": "id.{}"},
        {"limit": "{}"},
        {"offset": "{}"},
        {"{}": "eq.1"},
        {"title": "{}"},
        {"title": "eq.{}"},
        {"title": "in.({})"},
        {"title": 'in.("{}")'},
        {"title": "like(any).{}"},
        {"title": "fts({}).x"},
        {"title": "is.{}"},
        {"id": "eq.{}"},
        {"or": "({})"},
        {"or": "(title.eq.{})"},
        {"or": "({}.eq.1)"},
    ],
    ids=str,
)
def test_injection_is_a_value_or_a_refusal(
    http: httpx.Client, template: dict[str, str], text: str
) -> None:
    """SQL in any slot of the grammar finds rows, finds none, or is refused."""
    params = {key.replace("{}", text): value.replace("{}", text) for key, value in template.items()}
    answer = http.get("/listings", params=params)

    assert answer.status_code == 200 or 400 <= answer.status_code < 500
    if answer.status_code != 200:
        assert set(answer.json()) == {"code", "message", "details", "hint"}


@pytest.mark.parametrize("text", INJECTIONS)
def test_injection_in_names_of_a_write_is_refused(http: httpx.Client, text: str) -> None:
    """PostgREST looks up the names in bodies, lists and paths, and does not find SQL there."""
    answers = [
        http.post("/settings", json={text: 1}),
        http.patch("/settings", json={text: 1}),
        http.post("/settings", params={"columns": f'"{text}"'}, json=[{}]),
        http.post(
            "/settings",
            params={"on_conflict": text},
            json={"key": "x"},
            headers={"Prefer": "resolution=merge-duplicates,tx=rollback"},
        ),
        http.post("/rpc/add", json={text: 1}),
        http.get("/rpc/add", params={text: "1"}),
        http.get(f"/{httpx.URL(path=text).raw_path.decode().lstrip('/')}"),
    ]

    assert all(400 <= answer.status_code < 500 for answer in answers)


@pytest.mark.parametrize(
    "query",
    [
        "or=" + "(and" * 900 + "(id.eq.1)" + ")" * 900,
        "select=" + "a(" * 2500 + ")" * 2500,
        "select=" + ",".join(["id"] * 3000),
        "id=in.(" + "x" * 60000 + ")",
        "&".join(f"a{n}=eq.1" for n in range(2000)),
        "title=eq.%ff%fe",
        "title=eq.%00",
        "%ff=eq.1",
        "select=%00",
        "title=eq.%ed%a0%80",
        "x" * 65500 + "=eq.1",
    ],
    ids=range(11),
)
def test_huge_query_is_refused(http: httpx.Client, query: str) -> None:
    """A deep, wide, long or broken query gets a 4xx soon."""
    answer = http.get(f"/listings?{query}", timeout=10)

    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b'{"key": "\xff"}',
        b'{"key": "\\u0000"}',
        b'{"key": "\\ud800"}',
        b'{"\\ud800": 1}',
        b"[" * 100_000,
        b'{"key":' * 50_000,
        b'{"key": ' + b"9" * 10_000 + b"}",
        b"NaN",
        b'{"value": NaN, "key": "x"}',
        b"Infinity",
        b"[1]",
        b"[[]]",
        b'{"key": "a"} {"key": "b"}',
        "\ufeff{}".encode(),
        '{"key": "x"}'.encode("utf-16"),
    ],
    ids=range(16),
)
def test_body_without_a_row_is_refused(http: httpx.Client, body: bytes) -> None:
    """A body that holds no row gets a 4xx, in a write and in a call."""
    headers = {"Content-Type": "application/json", "Prefer": "tx=rollback"}
    written = http.post("/settings", content=body, headers=headers)
    changed = http.patch("/settings?key=eq.none", content=body, headers=headers)
    called = http.post("/rpc/add", content=body, headers=headers)

    # Postgres reads a long number as a text; JSON does not.
    assert 400 <= written.status_code < 500 or body.startswith(b'{"key": 9')
    assert changed.status_code < 500
    assert 400 <= called.status_code < 500


def test_huge_body_is_413(http: httpx.Client) -> None:
    """The gateway does not read a body whose announced length is too large."""
    answer = http.post("/settings", content=b" " * (17 * 1024 * 1024))

    assert answer.status_code == 413


def test_huge_body_without_a_length_is_413(gateway: Gateway) -> None:
    """The gateway cuts a stream off at the largest length."""

    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * (1024 * 1024)

    headers = {"apikey": gateway.keys.publishable_key}
    url = f"{gateway.url}/rest/v1/settings"
    answer = httpx.post(url, content=chunks(), headers=headers, timeout=ANSWER_S)

    assert answer.status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Prefer": "return=" + "x" * 5000},
        {"Prefer": "timezone='; drop table x; --"},
        {"Prefer": "handling=strict, max-affected=99999999999999999999999999"},
        {"Prefer": "handling=strict, max-affected=\u00b2"},
        {"Accept": "x" * 3000},
        {"Accept-Profile": '"; drop schema public; --'},
        {"Range": "999999999999999999-"},
        {"Range": "9" * 30 + "-"},
        {"Cookie": "a=\x01; =;;; \xff"},
        {"Authorization": "Bearer " + "a" * 8000},
        {"Authorization": "Basic eDp5"},
    ],
    ids=range(11),
)
def test_odd_header_is_no_server_error(http: httpx.Client, headers: dict[str, str]) -> None:
    """The gateway ignores or refuses a header that it cannot read."""
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = http.get("/listings", headers=encoded)

    assert answer.status_code < 500


def test_half_a_request_delays_no_other(gateway: Gateway, http: httpx.Client) -> None:
    """Sockets with half a request do not keep the server from others."""
    held = []
    for _ in range(30):
        connection = socket.create_connection(("127.0.0.1", gateway.config.port))
        connection.sendall(
            b"POST /rest/v1/settings HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
        )
        held.append(connection)
    answer = http.get("/listings?select=id")
    for connection in held:
        connection.close()

    assert answer.status_code == 200


PIECES = st.sampled_from(
    ["id", "title", "auctions", "(", ")", ",", ".", ":", "::", "->", "->>", "!", "*", "eq", "in",
     "is", "null", "not", "and", "or", '"', "\\", "{", "}", " ", "1", "é", "asc", "fts", "...", "'"]
)  # fmt: skip


@fuzzed(40)
@given(
    st.dictionaries(
        st.sampled_from(["select", "order", "or", "and", "id", "title", "auctions.id", "limit"]),
        st.lists(PIECES, max_size=12).map("".join),
        max_size=3,
    )
)
def test_any_query_has_an_answer(http: httpx.Client, params: dict[str, str]) -> None:
    """Any combination of the grammar's pieces gets an answer, and never a 5xx."""
    answer = http.get("/listings", params=params)

    assert answer.status_code < 500
