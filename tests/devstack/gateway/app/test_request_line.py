"""The gateway limits the request line as the proxies of hosted Supabase do."""

import contextlib
from http.client import HTTPConnection

import httpx
import pytest

from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


MAX_BYTES = 8192


def target(path: str, method: str, size: int) -> str:
    """Return a path that makes the request line `size` bytes long, without the line break."""
    filler = size - len(f"{method} {path} HTTP/1.1")
    return path + "x" * filler


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/rest/v1/notes?id=eq.", "/auth/v1/verify?type=", "/storage/v1/object/a/", "/"]
)
def test_long_line_is_refused(http: httpx.Client, method: str, path: str) -> None:
    """Each service refuses a longer line with 414 and a page, and serves one byte less."""
    longest = http.request(method, target(path, method, MAX_BYTES))
    longer = http.request(method, target(path, method, MAX_BYTES + 1))

    assert longest.status_code != 414
    assert longer.status_code == 414
    assert longer.headers["content-type"].startswith("text/html")


def test_long_line_needs_no_key(gateway: Gateway) -> None:
    """The proxy refuses a long line before it checks the key."""
    answer = httpx.get(gateway.url + target("/rest/v1/notes?id=eq.", "GET", 9000), timeout=ANSWER_S)

    assert answer.status_code == 414


def test_escaped_bytes_count_as_they_travel(http: httpx.Client) -> None:
    """The limit counts a percent escape as three bytes."""
    assert http.get("/rest/v1/notes?id=in.(" + "%20" * 2800 + ")").status_code == 414


def test_connection_goes_on(gateway: Gateway) -> None:
    """The connection serves the next request after a refused line."""
    connection = HTTPConnection("127.0.0.1", gateway.config.port, timeout=ANSWER_S)
    headers = {"apikey": gateway.keys.publishable_key}
    with contextlib.closing(connection):
        for path, status in (("/" + "x" * 9000, 414), ("/rest/v1/notes?limit=0", 200)):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
