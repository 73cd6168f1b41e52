"""Connections that send nothing, little or slowly do not keep others from being served."""

import contextlib
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.integration.service.own_service import OwnService, read_answer
from tests.support.waits import ANSWER_S


pytestmark = pytest.mark.xdist_group("stack")

SOCKETS = 200
WEBHOOKS = b"POST /api/webhooks/stripe HTTP/1.1\r\nHost: shop.test\r\n"


def send_nothing(_connection: socket.socket) -> None:
    """Keep the connection idle from the start."""


def send_half_a_line(connection: socket.socket) -> None:
    connection.sendall(b"GET /api/health/li")


def send_half_a_head(connection: socket.socket) -> None:
    connection.sendall(b"GET /api/health/live HTTP/1.1\r\nHost: shop.test\r\nX-Slow: ")


def send_no_body(connection: socket.socket) -> None:
    connection.sendall(WEBHOOKS + b"Content-Length: 100\r\n\r\n")


def send_half_a_body(connection: socket.socket) -> None:
    connection.sendall(WEBHOOKS + b"Content-Length: 100\r\n\r\n" + b"x" * 50)


def send_half_a_chunk(connection: socket.socket) -> None:
    connection.sendall(WEBHOOKS + b"Transfer-Encoding: chunked\r\n\r\n20\r\nabc")


def use_once(connection: socket.socket) -> None:
    connection.sendall(b"GET /api/health/live HTTP/1.1\r\nHost: shop.test\r\n\r\n")
    assert 200 == read_answer(connection).status


def read_nothing(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    connection.sendall(b"GET /api/health/live HTTP/1.1\r\nHost: shop.test\r\n\r\n" * 10)


def stay_after_the_answer(connection: socket.socket) -> None:
    connection.sendall(b"GET /api/health/live HTTP/1.0\r\n\r\n")


def stay_after_a_refusal(connection: socket.socket) -> None:
    connection.sendall(b"no request\r\n\r\n")


@contextlib.contextmanager
def burdened(
    service: OwnService, burden: Callable[[socket.socket], None]
) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as closing:
        connections = [closing.enter_context(service.connect()) for _ in range(SOCKETS)]
        for connection in connections:
            burden(connection)
        yield connections


@pytest.mark.parametrize(
    "burden",
    [
        send_nothing,
        send_half_a_line,
        send_half_a_head,
        send_no_body,
        send_half_a_body,
        send_half_a_chunk,
        use_once,
        read_nothing,
        stay_after_the_answer,
        stay_after_a_refusal,
    ],
)
def test_slow_connections_stop_nobody(
    own_service: OwnService, burden: Callable[[socket.socket], None]
) -> None:
    """Each gunicorn worker still answers new connections beside many slow ones."""
    with burdened(own_service, burden):
        answers = [
            httpx.get(f"{own_service.url}/api/{path}", timeout=ANSWER_S).status_code
            for path in ("health/live", "health/ready", "nothing") * 8
        ]

    assert [200, 200, 404] * 8 == answers


def test_idle_connection_is_kept(own_service: OwnService) -> None:
    """An answer does not end the connection; many idle ones can be used again."""
    with burdened(own_service, use_once) as connections:
        for connection in connections:
            use_once(connection)


def test_slow_clients_are_given_up(own_service: OwnService, fresh_service: OwnService) -> None:
    """A slow head gets no answer, a slow body a 400, and a slow reader frees its thread.

    One test waits for all of these, because each takes the time limit.
    """
    # Their answers are more than the buffers between the two hold. They are more than the service
    # takes from a connection that it ends.
    requests = b"GET /api/health/live HTTP/1.1\r\nHost: shop.test\r\n\r\n" * 400_000
    with (
        fresh_service.connect() as by_head,
        fresh_service.connect() as by_body,
        socket.socket() as no_reader,
    ):
        send_half_a_head(by_head)
        send_half_a_body(by_body)
        # A small window must be agreed on at the start.
        no_reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        no_reader.settimeout(ANSWER_S)
        no_reader.connect(("127.0.0.1", own_service.port))

        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            no_reader.sendall(requests)
        answer = read_answer(by_body)
        rest = by_head.recv(1)

    assert (400, "VALIDATION_ERROR") == (answer.status, answer.json["code"])
    assert b"" == rest
    assert "Traceback" not in own_service.log
