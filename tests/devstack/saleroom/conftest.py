"""A saleroom in front of a service that records its requests."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn

from devstack.saleroom.app import create_app
from devstack.saleroom.config import SaleroomConfig
from devstack.supervisor.ports import free_port
from devstack.supervisor.processes import wait_until
from tests.support.waits import ANSWER_S


@dataclass
class Seen:
    """A request that reached the service."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for key, value in self.headers if key.lower() == name]


@dataclass
class RecordingService:
    """Keeps the requests, and gives each the next prepared answer."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b"{}"

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        """Return the class that serves a request."""
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                body = self.rfile.read(length)
                headers = list(self.headers.items())
                service.seen.append(Seen(self.command, self.path, headers, body))
                self.send_response_only(service.status)
                for name, value in service.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(service.body)))
                self.end_headers()
                self.wfile.write(service.body)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815 -- the names that the library calls

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        return Handler


@pytest.fixture
def service() -> Iterator[RecordingService]:
    recording = RecordingService()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), recording.handler()) as server:
        recording.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield recording
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def config(service: RecordingService) -> SaleroomConfig:
    return SaleroomConfig(
        port=1,
        service_url=service.url,
        supabase_url="http://127.0.0.1:2",
        publishable_key="sb_publishable_key",
        stripe_url="http://127.0.0.1:3",
        stripe_publishable_key="pk_test_key",
        database_url="postgresql://postgres:secret@127.0.0.1:4/postgres",
    )


@contextlib.contextmanager
def serving(config: SaleroomConfig) -> Iterator[httpx.Client]:
    """Run a saleroom on a free port, and give a client of it."""
    port = free_port()
    settings = uvicorn.Config(
        create_app(config), port=port, log_level="error", proxy_headers=False, ws="none"
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert wait_until(lambda: server.started, ANSWER_S)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def client(config: SaleroomConfig) -> Iterator[httpx.Client]:
    with serving(config) as client:
        yield client
