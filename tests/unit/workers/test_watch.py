"""`workers.watch`: what a worker shows of itself."""

import io
import uuid
from typing import Any
from unittest.mock import create_autospec, patch

import pytest

from market import counters
from workers import watch


class Connection:
    """A socket's place: what was sent to the handler, and what it answers."""

    def __init__(self, request: bytes) -> None:
        self._request = io.BytesIO(request)
        self.answer = b""

    def makefile(self, *_arguments: Any, **_options: Any) -> io.BytesIO:
        """Return the request to be read."""
        return self._request

    def sendall(self, data: bytes) -> None:
        """Take the answer."""
        self.answer += data


def answer_to(request: str) -> str:
    connection: Any = Connection(request.encode())
    watch._Handler(connection, ("127.0.0.1", 1), create_autospec(object))  # noqa: SLF001 - no socket
    return str(connection.answer.decode())


def test_metrics_are_shown() -> None:
    """What was counted, as Prometheus reads it."""
    name = f"c{uuid.uuid4().hex}"
    counters.increment(name)

    answer = answer_to("GET /metrics HTTP/1.0\r\n\r\n")

    assert answer.startswith("HTTP/1.0 200")
    assert f"market_{name}_total 1\n" in answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET /health HTTP/1.0", 200),
        ("GET / HTTP/1.0", 404),
        ("GET /metrics/../x HTTP/1.0", 404),
        ("POST /metrics HTTP/1.0", 501),
    ],
)
def test_only_health_and_metrics_are_there(request_: str, status: int) -> None:
    """Nothing else is answered."""
    assert f" {status} " in answer_to(f"{request_}\r\n\r\n").splitlines()[0]


def test_no_port_serves_nothing() -> None:
    """Port 0 means that nobody watches."""
    with (
        patch("http.server.ThreadingHTTPServer", autospec=True) as server,
        watch.serving(0),
    ):
        pass

    server.assert_not_called()


def test_port_is_served_on_this_machine_alone() -> None:
    """The numbers are for whoever runs the machine, and the port is free again afterwards."""
    with (
        patch("http.server.ThreadingHTTPServer", autospec=True) as server,
        watch.serving(9100),
    ):
        server.assert_called_once_with(("127.0.0.1", 9100), watch._Handler)  # noqa: SLF001

    server.return_value.shutdown.assert_called_once_with()
    server.return_value.server_close.assert_called_once_with()
