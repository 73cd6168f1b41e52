"""Malformed HTTP is refused with a JSON error, and leaves no traceback."""

import pytest

from devstack.supervisor.processes import wait_until
from service.requests import UPLOAD_PATH
from tests.integration.service.own_service import OwnService, read_answer
from tests.integration.service.shop import Shop
from tests.support.factories import signed
from tests.support.waits import ANSWER_S


pytestmark = pytest.mark.xdist_group("stack")

ERROR_KEYS = {"error", "code", "correlationId", "timestamp"}
POST = b"POST /api/webhooks/stripe HTTP/1.1\r\nHost: shop.test\r\nStripe-Signature: t=1,v1=x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
MIB = 1024 * 1024


def chunk(size: bytes) -> bytes:
    return CHUNKED + size + b"\r\nhello\r\n0\r\n\r\n"


MALFORMED = {
    "negative size": (chunk(b"-5"), 400),
    "signed size": (chunk(b"+5"), 400),
    "prefixed size": (chunk(b"0x5"), 400),
    "size with underscore": (chunk(b"0_5"), 400),
    "blank before size": (chunk(b" 5"), 400),
    "blank after size": (chunk(b"5 "), 400),
    "no number": (chunk(b"five"), 400),
    "empty size": (chunk(b""), 400),
    "wide digit": (chunk("\uff15".encode()), 400),
    "huge size": (chunk(b"F" * 16_384), 400),
    "size above what comes": (CHUNKED + b"ff\r\nhello\r\n0\r\n\r\n", 400),
    "size below what comes": (CHUNKED + b"3\r\nhello\r\n0\r\n\r\n", 400),
    "extension with bare CR": (chunk(b"5;a=\rb"), 400),
    "extension that is none": (chunk(b"5;=="), 400),
    "bare LF after size": (CHUNKED + b"5\nhello\n0\n\n\r\n", 400),
    "no CRLF after data": (CHUNKED + b"5\r\nhelloXX0\r\n\r\n", 400),
    "malformed trailer": (CHUNKED + b"5\r\nhello\r\n0\r\n: x\r\n\r\n", 400),
    "length and chunks": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    "negative length": (POST + b"Content-Length: -5\r\n\r\nhello", 400),
    "signed length": (POST + b"Content-Length: +5\r\n\r\nhello", 400),
    "length with underscore": (POST + b"Content-Length: 0_5\r\n\r\nhello", 400),
    "length that is none": (POST + b"Content-Length: five\r\n\r\nhello", 400),
    "huge length": (POST + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\nhello", 400),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    "unknown coding": (POST + b"Transfer-Encoding: rot13\r\n\r\n", 400),
    "chunked in HTTP/1.0": (
        POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        400,
    ),
    "no colon": (POST + b"nonsense\r\n\r\n", 400),
    "blank before colon": (POST + b"Name : x\r\n\r\n", 400),
    "folded header": (POST + b"Name: a\r\n b\r\n\r\n", 400),
    "NUL in header": (POST + b"Name: \x00\r\n\r\n", 400),
    "huge header": (POST + b"Name: " + b"x" * 40_000 + b"\r\n\r\n", 431),
    "many headers": (POST + b"Name: x\r\n" * 200 + b"\r\n", 431),
    "huge line": (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: shop.test\r\n\r\n", 414),
    "no version": (b"GET /\r\nHost: shop.test\r\n\r\n", 400),
    "unknown version": (b"GET / HTTP/9.9\r\nHost: shop.test\r\n\r\n", 400),
    "no request": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "unknown expectation": (POST + b"Expect: miracles\r\nContent-Length: 0\r\n\r\n", 417),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_is_refused(own_service: OwnService, name: str) -> None:
    """A malformed request gets an error of the common form, and no worker crashes."""
    request, status = MALFORMED[name]

    with own_service.connect() as connection:
        connection.sendall(request)
        connection.shutdown(1)
        answer = read_answer(connection)

    assert status == answer.status
    assert ERROR_KEYS == set(answer.json)
    assert "application/json" == answer.headers["content-type"]
    assert "Traceback" not in own_service.log
    assert own_service.is_live()


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        (b"//api/health/live", b"", 404),
        (b"/api/metrics", b"SCRIPT_NAME: /api\r\n", 404),
        (b"/api/nothing", b"PATH_INFO: /api/health/live\r\n", 404),
    ],
)
def test_path_is_that_of_the_first_line(
    own_service: OwnService, path: bytes, header: bytes, status: int
) -> None:
    """The path of the request line counts, because proxies and limits read that one."""
    request = b"GET " + path + b" HTTP/1.1\r\nHost: shop.test\r\n" + header + b"\r\n"

    assert status == own_service.send(request).status


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/webhooks/stripe", MIB),
        ("/api/payments/confirm", 64 * 1024),
        ("/api/bids", 64 * 1024),
        ("/api/nothing", 64 * 1024),
    ],
)
def test_too_large_body_is_413(own_service: OwnService, path: str, limit: int) -> None:
    """A too large body is refused with a length, in one chunk and in many, on every route."""
    head = f"POST {path} HTTP/1.1\r\nHost: shop.test\r\n".encode()
    body = b"x" * (limit + 1)
    requests = [
        head + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n",
        head
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"10\r\n0123456789abcdef\r\n" * (limit // 16 + 1)
        + b"0\r\n\r\n",
    ]

    for request in requests:
        answer = own_service.send(request)

        assert (413, "PAYLOAD_TOO_LARGE") == (answer.status, answer.json["code"])


def test_connection_of_a_too_large_body_ends_as_announced(own_service: OwnService) -> None:
    """A proxy that keeps the connection would lose its next request."""
    head = b"POST /api/kyc/start HTTP/1.1\r\nHost: shop.test\r\nContent-Length: %d\r\n\r\n"
    limit = 64 * 1024
    sizes = {limit: "keep-alive", limit + 1: "close", 3 * MIB: "close"}

    answers = {size: own_service.send(head % size + b"x" * size) for size in sizes}

    assert sizes == {size: answer.headers["connection"] for size, answer in answers.items()}


def test_unknown_user_is_answered_before_the_body(own_service: OwnService) -> None:
    """A request without a valid session is answered before its body arrives."""
    head = f"POST {UPLOAD_PATH} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {10 * MIB}\r\n\r\n"

    answer = own_service.send(head.encode())

    assert (401, "UNAUTHORIZED") == (answer.status, answer.json["code"])


def test_body_that_comes_after_the_answer_is_taken(own_service: OwnService) -> None:
    """A reset would cost a proxy that still sends the body its answer."""
    head = f"POST {UPLOAD_PATH} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {10 * MIB}\r\n\r\n"

    with own_service.connect() as connection:
        connection.sendall(head.encode())
        answer = connection.recv(MIB)
        connection.sendall(b"x" * 10 * MIB)

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_chunked_event_is_accepted(own_service: OwnService, shop: Shop) -> None:
    """Chunks are as good as a length, and a body of the limit's size is not too large."""
    event = shop.event({"object": "test"}, type="test.chunks")
    payload, signature = signed(event, secret=shop.secret())
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in payload)
    request = (
        b"POST /api/webhooks/stripe HTTP/1.1\r\nHost: shop.test\r\nStripe-Signature: "
        + signature.encode()
        + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunks
        + b"0\r\n\r\n"
    )

    assert 200 == own_service.send(request).status


def test_malformed_bodies_count_towards_the_limit(fresh_service: OwnService) -> None:
    """Each of two processes refuses an address after 120 in a minute; minutes may end here."""
    request = chunk(b"-5")

    statuses: set[int] = set()

    def is_limited() -> bool:
        statuses.add(fresh_service.send(request).status)
        return 429 in statuses

    assert wait_until(is_limited, ANSWER_S, 0)
    assert {400, 429} == statuses
