"""A service of a test's own: gunicorn with our configuration, and plain sockets to it."""

import contextlib
import dataclasses
import json
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from devstack.paths import ROOT
from devstack.supervisor.environment import environment_of_child
from devstack.supervisor.ports import free_port
from devstack.supervisor.processes import end, start, tail, wait_until
from tests.support.waits import ANSWER_S, START_S


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to bytes that no HTTP library would send."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OwnService:
    """A running gunicorn and its log."""

    port: int
    log_file: Path

    @property
    def url(self) -> str:
        """Return the service's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Return the log so far."""
        return self.log_file.read_text()

    def connect(self) -> socket.socket:
        """Open a plain connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_S)

    def is_live(self) -> bool:
        """Return true if the service answers."""
        try:
            return httpx.get(f"{self.url}/api/health/live", timeout=ANSWER_S).is_success
        except httpx.TransportError:
            return False

    def send(self, request: bytes) -> Answer:
        """Send bytes on a connection of their own, and return the answer."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    """Read one answer with a Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65_536)
        assert part, f"the connection ended after {received!r}"
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65_536)
    return Answer(status=int(first.split()[1]), headers=headers, body=body)


@contextlib.contextmanager
def running_service(
    environment: Mapping[str, str],
    log_file: Path,
    *,
    app: str = "service.wsgi:app",
    **changes: str,
) -> Iterator[OwnService]:
    """Run gunicorn until the block ends."""
    service = OwnService(port=free_port(), log_file=log_file)
    process = start(
        (
            sys.executable,
            "-m",
            "gunicorn",
            "--bind",
            f"127.0.0.1:{service.port}",
            app,
        ),
        log_file,
        death_signal=signal.SIGKILL,
        options={"cwd": ROOT, "env": environment_of_child(dict(environment) | changes)},
    )
    try:
        assert wait_until(service.is_live, START_S), tail(log_file, 30)
        yield service
    finally:
        end(process, timeout_s=ANSWER_S)
