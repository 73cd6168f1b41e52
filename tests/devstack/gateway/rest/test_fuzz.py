"""The gateway answers random and hostile requests with a 2xx or a 4xx, and changes nothing."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from devstack.gateway.app import MAX_REQUEST_LINE_BYTES
from devstack.gateway.rest.api_request.scanner import MAX_DEPTH
from tests.support.fuzzing import fuzzed
from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


#: Pieces of SQL and of the query grammar, alone and joined.
FRAGMENTS = (
    "'", '"', "''", '""', ";", "--", "/*", "*/", "$1", "$$", "%s", "%", "\\", "(", ")", ",", ".",
    "::", "->", "->>", "!", "*", "{", "}", "[", "]", ":", "=", " ", "\n", "\t", "é", "\u202e",
    "\U0001d54f", "drop table public.settings", "1=1", " or ", "union select", "pg_sleep(99)",
    "null", "id", "key", "settings", "eq.1", "eq.x", "in.(1)", "is.null", "not.", "and", "or",
    "asc", "desc", "99999999999999999999", "-1", "0", "pg_catalog", "version()", "admin", "select",
)  # fmt: skip
HOSTILE = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8).map("".join),
    st.text(max_size=30),
)
#: Each slot of the grammar: method, path, query, body. The text replaces `{}`.
SLOTS: tuple[tuple[str, str, dict[str, str], Any], ...] = (
    ("GET", "/{}", {}, None),
    ("GET", "/settings", {"{}": "eq.1"}, None),
    ("GET", "/settings", {"key": "{}"}, None),
    ("GET", "/settings", {"key": "eq.{}"}, None),
    ("GET", "/settings", {"key": "{}.1"}, None),
    ("GET", "/settings", {"key": "not.in.({})"}, None),
    ("GET", "/settings", {"key": "eq(any).{}"}, None),
    ("GET", "/settings", {"key": "fts({}).x"}, None),
    ("GET", "/settings", {"key": "fts.{}"}, None),
    ("GET", "/settings", {"value->{}": "eq.1"}, None),
    ("GET", "/settings", {"value->>{}": "is.null"}, None),
    ("GET", "/settings", {"or": "({})"}, None),
    ("GET", "/settings", {"or": "(key.eq.{})"}, None),
    ("GET", "/settings", {"not.and": "(key.in.({}))"}, None),
    ("GET", "/settings", {"select": "{}"}, None),
    ("GET", "/settings", {"select": "key::{}"}, None),
    ("GET", "/settings", {"select": "{}:key"}, None),
    ("GET", "/settings", {"select": "value->{}"}, None),
    ("GET", "/listings", {"select": "{}(id)"}, None),
    ("GET", "/listings", {"select": "auctions!{}(id)"}, None),
    ("GET", "/listings", {"select": "auctions({})"}, None),
    ("GET", "/listings", {"select": "auctions(id)", "auctions.{}": "eq.1"}, None),
    ("GET", "/listings", {"select": "auctions(id)", "auctions.order": "{}"}, None),
    ("GET", "/listings", {"select": "auctions(id)", "{}.limit": "1"}, None),
    ("GET", "/settings", {"order": "{}"}, None),
    ("GET", "/settings", {"order": "key.{}"}, None),
    ("GET", "/settings", {"limit": "{}"}, None),
    ("GET", "/settings", {"offset": "{}"}, None),
    ("POST", "/settings", {"columns": "{}"}, [{"key": "fuzz"}]),
    ("POST", "/settings", {"columns": '"{}"'}, [{"key": "fuzz"}]),
    ("POST", "/settings", {"on_conflict": "{}"}, {"key": "fuzz"}),
    ("POST", "/settings", {"select": "{}"}, {"key": "fuzz"}),
    ("POST", "/settings", {}, {"{}": 1}),
    ("POST", "/settings", {}, {"key": "{}", "value": "{}"}),
    ("PUT", "/settings", {"key": "eq.{}"}, {"key": "{}"}),
    ("PUT", "/settings", {"{}": "eq.1"}, {"key": "fuzz"}),
    ("PATCH", "/settings", {"key": "eq.none"}, {"{}": 1}),
    ("PATCH", "/settings", {"key": "eq.{}"}, {"note": "{}"}),
    ("DELETE", "/settings", {"{}": "eq.1"}, None),
    ("DELETE", "/settings", {"key": "eq.{}"}, None),
    ("POST", "/rpc/{}", {}, {}),
    ("POST", "/rpc/add", {}, {"{}": 1}),
    ("POST", "/rpc/add", {}, {"a": "{}"}),
    ("GET", "/rpc/add", {"{}": "1"}, None),
    ("GET", "/rpc/add", {"a": "{}"}, None),
    ("GET", "/rpc/counted", {"words": "{}"}, None),
    ("GET", "/rpc/listings_above", {"cents": "0", "order": "{}"}, None),
)
HEADERS = (
    "Prefer",
    "Accept",
    "Accept-Profile",
    "Content-Profile",
    "Range",
    "Cookie",
    "Content-Type",
)
TABLES = (
    "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
)


def contents(connection: psycopg.Connection) -> dict[str, Any]:
    """Return a checksum of each table's rows."""
    query = "select md5(string_agg(t::text, e'\\n' order by t::text)) from public.{} as t"
    return {
        name: connection.execute(sql.SQL(query).format(sql.Identifier(name))).fetchone()
        for (name,) in connection.execute(TABLES).fetchall()
    }


@pytest.fixture(autouse=True)
def _nothing_changes(owner: psycopg.Connection) -> Iterator[None]:
    """Compare all tables after each test with what they held before it."""
    before = contents(owner)
    yield
    assert contents(owner) == before


def assert_answered(answer: httpx.Response) -> None:
    """Check that the gateway served the request, or refused it with one of the usual bodies."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 300 and answer.content:
        # The gateway itself writes the second body, for a path that belongs to no service.
        bodies = ({"code", "message", "details", "hint"}, {"message"})
        assert answer.json().keys() in bodies


def filled(slot: Any, text: str) -> Any:
    """Return the slot with the text in it, in the slot's form."""
    if isinstance(slot, str):
        return slot.replace("{}", text)
    if isinstance(slot, dict):
        return {filled(key, text): filled(value, text) for key, value in slot.items()}
    return slot


@fuzzed(40)
@given(st.sampled_from(SLOTS), HOSTILE)
def test_text_in_every_slot(
    http: httpx.Client, slot: tuple[str, str, dict[str, str], Any], text: str
) -> None:
    """SQL in a slot is a text, or the gateway refuses it."""
    method, path, query, body = slot
    text = text.encode(errors="replace").decode()
    url = path.replace("{}", quote(text, safe=""))
    answer = http.request(
        method,
        url,
        params=filled(query, text),
        json=filled(body, text),
        headers={"Prefer": "tx=rollback, return=representation"},
        timeout=ANSWER_S,
    )

    assert_answered(answer)


@fuzzed(40)
@given(
    st.dictionaries(
        st.sampled_from(HEADERS),
        st.one_of(HOSTILE, st.sampled_from(["tx=rollback", "count=exact", "0-1", "text/csv"])),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["GET", "HEAD", "POST"]),
)
def test_text_in_every_header(http: httpx.Client, headers: dict[str, str], method: str) -> None:
    """The gateway ignores or refuses a header that it cannot read."""
    sent = [
        (name.encode(), "".join(filter(str.isprintable, value)).strip().encode(errors="replace"))
        for name, value in headers.items()
    ]
    path = "/rpc/add" if method == "POST" else "/categories"
    answer = http.request(
        method, path, headers=sent, content=b'{"a": 1}' if method == "POST" else None
    )

    assert_answered(answer)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda below: st.one_of(
        st.lists(below, max_size=4), st.dictionaries(st.text(max_size=6), below, max_size=4)
    ),
    max_leaves=12,
)


@fuzzed(40)
@given(
    st.one_of(JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=60)),
    st.sampled_from(["/settings", "/rpc/echo", "/rpc/take", "/rpc/shout", "/rpc/size"]),
    st.sampled_from(
        [
            "application/json",
            "text/csv",
            "text/plain",
            "application/octet-stream",
            "application/x-www-form-urlencoded",
        ]
    ),
)
def test_any_body(http: httpx.Client, body: bytes, path: str, kind: str) -> None:
    """The gateway answers any bytes as a body of any media type."""
    headers = {"Content-Type": kind, "Prefer": "tx=rollback"}
    answer = http.post(path, content=body, headers=headers)

    assert_answered(answer)


@pytest.mark.parametrize("depth", [1, 8, 32, 33, 800, 5000])
@pytest.mark.parametrize("word", ["and", "or", "not.and", "not.or"])
def test_deep_tree_is_served_or_refused(http: httpx.Client, word: str, depth: int) -> None:
    """The gateway serves a tree as deep as a person writes, and refuses a deeper one at once."""
    tree = f"{word}(" * depth + "id.gt.0" + ")" * depth
    query = f"/categories?select=id&or=({tree})"
    answer = http.get(query, timeout=ANSWER_S)

    if depth <= MAX_DEPTH:
        is_odd = word.startswith("not") and depth % 2 == 1
        assert len(answer.json()) == (0 if is_odd else 3)
    else:
        assert_refused(answer)


@pytest.mark.parametrize("depth", [1, 5, 32, 33, 400, 3000])
def test_deep_embed_is_served_or_refused(http: httpx.Client, depth: int) -> None:
    """The gateway serves or refuses embeds within embeds, through a relation to itself."""
    select = "name,categories(" * depth + "name" + ")" * depth
    answer = http.get(f"/categories?select={select}", timeout=ANSWER_S)

    if depth <= MAX_DEPTH:
        assert answer.status_code == 200
    else:
        assert_refused(answer)


def assert_refused(answer: httpx.Response) -> None:
    """Check that the gateway refuses a deep request for its depth or its length."""
    if len(answer.request.url.raw_path) > MAX_REQUEST_LINE_BYTES:
        assert answer.status_code == 414
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "PGRST100")


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        (b"GET /rest/v1/\xff\xfe HTTP/1.1", b""),
        (b"GET /rest/v1/%ff%fe HTTP/1.1", b""),
        (b"GET /rest/v1/a%00b HTTP/1.1", b""),
        (b"GET /rest/v1/rpc/%c3 HTTP/1.1", b""),
        (b"GET /rest/v1/settings?key=eq.\xff HTTP/1.1", b""),
        (b"GET /rest/v1/settings?\xc3=eq.1 HTTP/1.1", b""),
        (b"GET /rest/v1/settings?key=eq.%ed%a0%80 HTTP/1.1", b""),
        (b"GET /rest/v1/settings HTTP/1.1", b"Prefer: \xff\xfe\r\n"),
        (b"GET /rest/v1/settings HTTP/1.1", b"Prefer: timezone=\xff\r\n"),
        (b"GET /rest/v1/settings HTTP/1.1", b"Accept-Profile: \xff\r\n"),
        (b"GET /rest/v1/settings HTTP/1.1", b"Accept: \xff/\xff\r\n"),
        (b"GET /rest/v1/settings HTTP/1.1", b"Authorization: Bearer \xff.\xff.\xff\r\n"),
        (b"GET /rest/v1/settings HTTP/1.1", b"X-Odd: \xff\xfe\x80\r\n"),
        (b"GET /rest/v1/settings HTTP/1.1", b"Cookie: a=\xff; \xfe=b\r\n"),
        (b"GET /rest/v1/settings HTTP/1.1", b"Range: \xb2-\xb3\r\n"),
        (b"\xff /rest/v1/settings HTTP/1.1", b""),
        (b"GET /rest/v1/settings HTTP/1.1", b"Content-Length: \xb2\r\n"),
    ],
)
def test_broken_bytes_in_a_head_are_answered(gateway: Gateway, line: bytes, headers: bytes) -> None:
    """The gateway refuses or ignores bytes that are no UTF-8, and the connection does not hang."""
    key = gateway.keys.publishable_key.encode()
    head = (
        line + b"\r\nHost: x\r\nConnection: close\r\napikey: " + key + b"\r\n" + headers + b"\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.config.port), ANSWER_S) as connection:
        connection.sendall(head)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk

    status = int(answer.split(b" ", 2)[1])
    assert 200 <= status < 500, answer
