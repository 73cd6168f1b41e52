"""Storage answers any input with a clear 4xx, never with a 500, and stores nothing unasked."""

import contextlib
import json
import uuid
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.devstack.gateway.storage.clients import INVALID_KEY, assert_clear, quoted, refusal
from tests.support.fuzzing import fuzzed
from tests.support.gateways import Gateway


INJECTIONS = (
    "x'; drop table storage.objects; --",
    "$1",
    "%s",
    "%(name)s",
    "x' or '1'='1",
    "pg_sleep(9)",
    "\\",
    "/*",
    "../../../../etc/passwd",
    "..%2f..%2fetc",
    "\u202e\U0001d54f",
    "\x00",
)
#: Every path with a slot, and its methods.
PATHS = (
    ("GET", "/bucket/{}"),
    ("PUT", "/bucket/{}"),
    ("DELETE", "/bucket/{}"),
    ("POST", "/bucket/{}/empty"),
    ("POST", "/object/list/{}"),
    ("POST", "/object/sign/{}"),
    ("POST", "/object/sign/notes/{}"),
    ("GET", "/object/sign/notes/{}?token=x"),
    ("POST", "/object/upload/sign/notes/{}"),
    ("PUT", "/object/upload/sign/notes/{}?token=x"),
    ("GET", "/object/info/notes/{}"),
    ("GET", "/object/info/{}/x"),
    ("GET", "/object/public/{}/x"),
    ("GET", "/object/public/listing-photos/{}"),
    ("GET", "/object/authenticated/notes/{}"),
    ("GET", "/object/notes/{}"),
    ("HEAD", "/object/notes/{}"),
    ("DELETE", "/object/notes/{}"),
    ("DELETE", "/object/{}"),
    ("POST", "/object/{}/x"),
    ("PUT", "/object/{}/x"),
    ("PATCH", "/object/{}/x"),
    ("GET", "/{}"),
)
BODIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/bucket", {"name": "x", "id": "x", "file_size_limit": 1, "allowed_mime_types": []}),
    ("PUT", "/bucket/hostile", {"public": True, "file_size_limit": 1, "allowed_mime_types": []}),
    ("POST", "/object/list/notes", {"prefix": "", "limit": 1, "offset": 0, "search": ""}),
    ("POST", "/object/list/notes", {"prefix": "", "sortBy": {"column": "name", "order": "asc"}}),
    ("DELETE", "/object/notes", {"prefixes": ["x"]}),
    ("POST", "/object/move", {"bucketId": "notes", "sourceKey": "x", "destinationKey": "y"}),
    ("POST", "/object/copy", {"bucketId": "notes", "sourceKey": "x", "destinationKey": "y"}),
    ("POST", "/object/sign/notes/x", {"expiresIn": 1}),
    ("POST", "/object/sign/notes", {"expiresIn": 1, "paths": ["x"]}),
)
TEXTS = st.sampled_from(INJECTIONS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
#: The router matches no path with a line break.
NAMES = st.characters(exclude_characters="\n", exclude_categories=["Cs"])


def send(http: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """Send a request whose path stays unchanged."""
    url = http.base_url.copy_with(raw_path=f"/storage/v1{path}".encode())
    return http.request(method, url, **options)


@pytest.mark.parametrize("text", INJECTIONS, ids=repr)
def test_injection_in_a_path_is_a_name_or_a_refusal(http: httpx.Client, text: str) -> None:
    """SQL is a text in every slot, and a file path of the system is refused or is a name."""
    for method, path in PATHS:
        body = {"json": {"prefix": "", "public": True}} if method in ("POST", "PUT") else {}
        assert_clear(send(http, method, path.replace("{}", quoted(text)), **body))


@pytest.mark.parametrize("text", INJECTIONS, ids=repr)
@pytest.mark.parametrize(("method", "path", "body"), BODIES, ids=str)
def test_injection_in_a_body_is_a_value_or_a_refusal(
    http: httpx.Client, method: str, path: str, body: dict[str, Any], text: str
) -> None:
    """Each field of a body takes SQL as a text, or refuses it."""
    for field, usual in body.items():
        odd = [text] if isinstance(usual, list) else text
        assert_clear(http.request(method, path, json={**body, field: odd}))


@pytest.mark.parametrize("text", INJECTIONS, ids=repr)
def test_injection_in_a_head_is_kept_or_refused(http: httpx.Client, text: str) -> None:
    """An upload's header is stored as text, or refused if it would break a later header."""
    place, value = f"/object/notes/{uuid.uuid4()}", text.encode()
    for name in (b"content-type", b"cache-control", b"x-metadata", b"x-upsert", b"range"):
        # The client itself sends no text that is no header.
        with contextlib.suppress(httpx.LocalProtocolError):
            assert_clear(http.put(place, content=b"x", headers={name: value}))
            assert_clear(http.get(place, headers={name: value}))
    form = {"cacheControl": text, "contentType": text, "metadata": json.dumps({text: text})}
    assert_clear(http.put(place, data=form, files={"file": (text, b"x", "text/plain")}))
    assert_clear(http.get(place))


@pytest.mark.parametrize("path", ["%ff", "a%ed%a0%80b", "%c3", "%fe%ff"])
def test_broken_utf8_in_a_path_is_refused(http: httpx.Client, path: str) -> None:
    """Storage refuses a name that is no UTF-8."""
    for method, place in PATHS:
        answer = send(http, method, place.replace("{}", path))
        assert 400 <= answer.status_code < 500
    answer = send(http, "POST", f"/object/notes/{path}", content=b"x")
    assert "The path is not a valid url component" == answer.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b'{"prefix": "\xff"}',
        b'{"prefix": "\\u0000"}',
        b'{"prefix": "\\ud800"}',
        b'{"name": "\\ud800", "prefixes": ["\\ud800"], "prefix": ""}',
        b"[" * 100_000,
        b'{"prefix":' * 50_000,
        b'{"prefix": "", "limit": ' + b"9" * 5000 + b"}",
        b'{"prefix": "", "offset": ' + b"9" * 30 + b"}",
        b'{"prefix": "", "limit": NaN}',
        b"5",
        b"null",
        b"[]",
        b'"x"',
        b'{"prefix": "x"} {}',
        '{"prefix": "x"}'.encode("utf-16"),
        b'{"prefix": "' + b"x" * 1024 * 1024 + b'"}',
    ],
    ids=range(17),
)
def test_broken_json_is_refused(http: httpx.Client, body: bytes) -> None:
    """Storage refuses deep, long, broken or wrong JSON."""
    headers = {"content-type": "application/json"}
    for method, path, _ in BODIES:
        answer = http.request(method, path, content=body, headers=headers)
        assert_clear(answer)
    answer = http.post("/object/list/notes", content=body, headers=headers)
    assert 400 <= answer.status_code < 500


@fuzzed(40)
@given(st.sampled_from(PATHS), st.text(NAMES, max_size=40) | TEXTS)
def test_any_path_is_answered(http: httpx.Client, path: tuple[str, str], text: str) -> None:
    """Storage answers any text in any slot of any path."""
    method, place = path
    assert_clear(send(http, method, place.replace("{}", quoted(text))))


@fuzzed(40)
@given(st.sampled_from(BODIES), st.data())
def test_any_body_is_answered(
    http: httpx.Client, body: tuple[str, str, dict[str, Any]], data: st.DataObject
) -> None:
    """Storage answers any JSON in any field of any body."""
    method, path, fields = body
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(fields)), JSON, min_size=1))
    raw = json.dumps({**fields, **changed}).encode()
    headers = {"content-type": "application/json"}

    assert_clear(http.request(method, path, content=raw, headers=headers))


@fuzzed(40)
@given(st.text(NAMES, max_size=60), st.text(NAMES, max_size=60))
def test_any_accepted_name_is_kept(http: httpx.Client, folder: str, name: str) -> None:
    """Storage refuses a name, or lists, shows and deletes exactly that name."""
    key = f"{uuid.uuid4()}/{folder}/{name}"
    answer = send(http, "POST", f"/object/notes/{quoted(key)}", content=b"x")
    if not answer.is_success:
        assert_clear(answer)
        return

    assert f"notes/{key}" == answer.json()["Key"]
    assert key == send(http, "GET", f"/object/info/notes/{quoted(key)}").json()["name"]
    gone = http.request("DELETE", "/object/notes", json={"prefixes": [key]}).json()
    assert [key] == [stored["name"] for stored in gone]


def test_dots_do_not_lead_out_of_the_folder(http: httpx.Client, gateway: Gateway) -> None:
    """No spelling of dots reads or writes a file outside the folder."""
    for path in ("%2e%2e/%2e%2e/config.json", "..%2f..%2fconfig.json", "a/..%2f..%2fb"):
        answer = send(http, "GET", f"/object/notes/{path}")
        assert INVALID_KEY == refusal(answer)
        assert gateway.keys.secret_key not in answer.text
        assert INVALID_KEY == refusal(send(http, "POST", f"/object/notes/{path}", content=b"x"))


@pytest.mark.parametrize("name", ["%0A", "a%0Ab", "abc%0A"])
def test_end_of_a_line_is_in_no_path(
    http: httpx.Client, owner: psycopg.Connection, name: str
) -> None:
    """A path with a line break stores nothing, under a shorter name neither."""
    folder = uuid.uuid4()
    answer = send(http, "POST", f"/object/notes/{folder}{name}", content=b"x")

    assert 404 == answer.status_code
    query = "select count(*) from storage.objects where starts_with(name, %s)"
    assert [(0,)] == owner.execute(query, [str(folder)]).fetchall()


def form(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end


FIELD = b'Content-Disposition: form-data; name="a"\r\n\r\n1'
FILE = b'Content-Disposition: form-data; name="f"; filename="f"\r\n\r\nx'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=b"),
        (b"nonsense", "multipart/form-data; boundary=b"),
        (form(FIELD), "multipart/form-data; boundary=b"),
        (form(FILE, end=b""), "multipart/form-data; boundary=b"),
        (form(FILE), "multipart/form-data"),
        (form(FILE), "multipart/form-data; boundary="),
        (form(FILE), "multipart/form-data; boundary=c"),
        (form(FILE), "multipart/form-data; boundary=" + "b" * 500),
        (form(*[FIELD] * 11, FILE), "multipart/form-data; boundary=b"),
        (form(b"no colon\r\n\r\nx", FILE), "multipart/form-data; boundary=b"),
        (form(b"\xff\xfe: \xff\r\n\r\nx"), "multipart/form-data; boundary=b"),
        (form(b"A: " + b"x" * 100_000 + b"\r\n\r\nx", FILE), "multipart/form-data; boundary=b"),
        (form(b"A: b\r\n" * 1000 + b"\r\nx", FILE), "multipart/form-data; boundary=b"),
        (
            form(b'Content-Disposition: form-data; name="metadata"\r\n\r\n' + b"x" * 2**20 + b"x"),
            "multipart/form-data; boundary=b",
        ),
    ],
    ids=range(14),
)
def test_broken_form_is_refused(http: httpx.Client, body: bytes, kind: str) -> None:
    """Storage refuses a form without a file, an end or a boundary, and one with too much."""
    place = f"/object/notes/{uuid.uuid4()}"
    answer = http.post(place, content=body, headers={"content-type": kind})

    assert "InvalidRequest" in refusal(answer) or "EntityTooLarge" in refusal(answer)
    assert 400 == http.head(place).status_code


def test_second_file_of_a_form_is_passed_over(http: httpx.Client) -> None:
    """Storage stores the first file of a form and ignores a second one."""
    place = f"/object/notes/{uuid.uuid4()}"
    second = FILE.replace(b"\r\n\r\nx", b"\r\n\r\nyyyy")
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = http.post(place, content=form(FIELD, FILE, second, FIELD), headers=headers)

    assert answer.is_success
    assert b"x" == http.get(place).content


@fuzzed(40)
@given(st.binary(max_size=200), st.binary(max_size=40))
def test_any_form_is_answered(http: httpx.Client, content: bytes, head: bytes) -> None:
    """Storage answers any bytes as a form, or in the headers of a part."""
    place = f"/object/tiny/{uuid.uuid4()}"
    part = b"Content-Disposition: " + head + b"\r\n\r\n" + content
    headers = {"content-type": "multipart/form-data; boundary=b"}

    for body in (form(part, FILE), content):
        assert_clear(http.post(place, content=body, headers=headers))
