"""`deploy/proxy.conf` on a real nginx, in front of the real service.

`make deployment` runs this file. It names nginx in the variable NGINX, and installs it if need be.
pytest collects only `test_*.py`, so `make test` skips it.
"""

import contextlib
import http.server
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack.paths import ROOT
from devstack.supervisor.ports import free_port
from devstack.supervisor.processes import end, start, tail, wait_until
from service.requests import BODY_LIMIT, UPLOAD_BODY_LIMIT, UPLOAD_PATH, WEBHOOK_BODY_LIMIT
from tests.integration.service.own_service import OwnService, read_answer, running_service
from tests.support.factories import ENVIRONMENT
from tests.support.waits import ANSWER_S, START_S


CONFIGURATION = ROOT / "deploy/proxy.conf"
SLOW_CLIENTS = 100
ESTABLISHED = "01"
WEBHOOKS = b"POST /api/webhooks/stripe HTTP/1.1\r\nHost: shop.test\r\n"
#: Each of gunicorn's two workers counts by itself.
REFUSALS = 2 * 120


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnService]:
    """Run the service behind one proxy. These tests need neither a database nor Stripe."""
    log = tmp_path_factory.mktemp("service") / "log"
    with running_service(ENVIRONMENT, log, TRUSTED_PROXIES="1") as service:
        yield service


@pytest.fixture(scope="module")
def proxy(service: OwnService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnService]:
    """Run nginx with our file, in which only the addresses and the folder differ."""
    folder = tmp_path_factory.mktemp("proxy")
    proxy = OwnService(port=free_port(), log_file=folder / "log")
    command = nginx(folder, upstream=f"127.0.0.1:{service.port}", port=proxy.port)
    process = start(command, proxy.log_file)
    try:
        assert wait_until(proxy.is_live, START_S), tail(proxy.log_file)
        yield proxy
    finally:
        end(process)


def nginx(folder: Path, *, upstream: str, port: int) -> list[str]:
    """Write the configuration into a folder; return the command that runs it."""
    text = CONFIGURATION.read_text()
    for ours, own in (
        ("service:8000", upstream),
        ("listen 8080", f"listen 127.0.0.1:{port}"),
        ("/tmp/", f"{folder}/"),  # noqa: S108 -- a folder in the container
    ):
        assert ours in text
        text = text.replace(ours, own)
    file = folder / "nginx.conf"
    file.write_text(text)
    # As root, nginx would give its children a user that cannot read the folder.
    options = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    return [os.environ["NGINX"], "-c", str(file), "-e", "stderr", "-g", options]


def connections(port: int) -> int:
    """Count the open connections that a port has accepted."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return sum(field[1].endswith(f":{port:04X}") and field[3] == ESTABLISHED for field in fields)


@contextlib.contextmanager
def slow_clients(proxy: OwnService, beginning: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as closing:
        clients = [closing.enter_context(proxy.connect()) for _ in range(SLOW_CLIENTS)]
        for client in clients:
            client.sendall(beginning)
        yield clients


def test_configuration_is_valid(tmp_path: Path) -> None:
    """The program accepts the file without a warning."""
    command = [*nginx(tmp_path, upstream="127.0.0.1:1", port=free_port()), "-t"]

    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 -- nginx

    assert 0 == done.returncode, done.stderr
    assert not re.search(r"\[(warn|error)\]", done.stderr)


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /api/health/live HTTP/1.1\r\nHost: shop.test\r\nX-Slow: ",
        WEBHOOKS + b"Content-Length: 100\r\n\r\n" + b"x" * 50,
        WEBHOOKS + b"Transfer-Encoding: chunked\r\n\r\n20\r\nabc",
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk"],
)
def test_slow_clients_use_no_thread(
    service: OwnService, proxy: OwnService, beginning: bytes
) -> None:
    """The service has no connection for a request that is not complete, and others are served."""
    with slow_clients(proxy, beginning):
        answers = [
            httpx.get(f"{proxy.url}/api/health/live", timeout=ANSWER_S).status_code
            for _ in range(10)
        ]
        is_free = wait_until(lambda: connections(service.port) == 0, ANSWER_S)
        waiting = connections(proxy.port)

    assert [200] * 10 == answers
    assert is_free
    assert waiting >= SLOW_CLIENTS


def test_request_arrives_whole_once_it_is_complete(proxy: OwnService) -> None:
    """The proxy holds a slow body back and then sends it on."""
    with proxy.connect() as client:
        client.sendall(WEBHOOKS + b"Content-Length: 100\r\n\r\n" + b"x" * 50)
        client.sendall(b"x" * 50)

        answer = read_answer(client)

    assert (400, "MISSING_SIGNATURE") == (answer.status, answer.json["code"])


@pytest.mark.parametrize(
    ("path", "length", "status", "code"),
    [
        ("webhooks/stripe", WEBHOOK_BODY_LIMIT, 400, "MISSING_SIGNATURE"),
        ("webhooks/stripe", WEBHOOK_BODY_LIMIT + 1, 413, "PAYLOAD_TOO_LARGE"),
        ("bids", BODY_LIMIT, 401, "UNAUTHORIZED"),
        ("bids", BODY_LIMIT + 1, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_proxy_has_the_limits_of_the_service(
    proxy: OwnService, path: str, length: int, status: int, code: str
) -> None:
    """The proxy refuses exactly the bodies that the service would refuse, in the same form."""
    answer = httpx.post(f"{proxy.url}/api/{path}", content=b"x" * length, timeout=ANSWER_S)

    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert {"error", "code", "correlationId", "timestamp"} <= set(answer.json())


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [(UPLOAD_BODY_LIMIT, 401, "UNAUTHORIZED"), (UPLOAD_BODY_LIMIT + 1, 413, "PAYLOAD_TOO_LARGE")],
)
def test_proxy_lets_files_pass_on_one_route(
    proxy: OwnService, length: int, status: int, code: str
) -> None:
    """The route of uploads has its own limit, in the proxy and in the service."""
    answer = httpx.post(f"{proxy.url}{UPLOAD_PATH}", content=b"x" * length, timeout=ANSWER_S)

    assert (status, code) == (answer.status_code, answer.json()["code"])


def test_body_that_is_too_large_is_refused_unread(proxy: OwnService) -> None:
    """The proxy answers before the body comes, so it stores none."""
    answer = proxy.send(WEBHOOKS + f"Content-Length: {WEBHOOK_BODY_LIMIT + 1}\r\n\r\n".encode())

    assert (413, "PAYLOAD_TOO_LARGE") == (answer.status, answer.json["code"])


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/", "/api", "/.env", "/api/../metrics", "/api/%2e%2e/metrics", "//metrics"],
)
def test_only_the_api_is_reachable(proxy: OwnService, path: str) -> None:
    """The proxy does not serve metrics; its refusal has the form of all errors."""
    answer = proxy.send(f"GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n".encode())

    assert (404, "RESOURCE_NOT_FOUND") == (answer.status, answer.json["code"])
    assert answer.headers["x-request-id"] == answer.json["correlationId"]


def test_malformed_request_is_refused_as_json(proxy: OwnService) -> None:
    """A request that nginx cannot read gets an error of the same form."""
    answer = proxy.send(b"GET /api/health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")

    assert (400, "VALIDATION_ERROR") == (answer.status, answer.json["code"])


def test_absent_service_is_a_503(tmp_path: Path) -> None:
    """While the service restarts, clients get a 503 and may retry."""
    proxy = OwnService(port=free_port(), log_file=tmp_path / "log")
    process = start(
        nginx(tmp_path, upstream=f"127.0.0.1:{free_port()}", port=proxy.port), proxy.log_file
    )
    try:
        assert wait_until(lambda: is_open(proxy.port), START_S), tail(proxy.log_file)
        answer = httpx.get(f"{proxy.url}/api/health/live", timeout=ANSWER_S)
    finally:
        end(process)

    assert (503, "INTERNAL_ERROR") == (answer.status_code, answer.json()["code"])
    assert "2" == answer.headers["retry-after"]


class LongHead(http.server.BaseHTTPRequestHandler):
    """Answers with the longest cookie that browsers keep, and one kilobyte of other headers."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Set-Cookie", f"console_access={'x' * 4000}")
        self.send_header("Content-Security-Policy", "x" * 1000)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name of the base
        """Log nothing."""


def test_answer_with_a_session_passes(tmp_path: Path) -> None:
    """A sign-in to the console sets its tokens as cookies. By default, nginx reads 4 KB of head."""
    proxy = OwnService(port=free_port(), log_file=tmp_path / "log")
    with http.server.HTTPServer(("127.0.0.1", 0), LongHead) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        upstream = f"127.0.0.1:{server.server_port}"
        process = start(nginx(tmp_path, upstream=upstream, port=proxy.port), proxy.log_file)
        try:
            assert wait_until(lambda: is_open(proxy.port), START_S), tail(proxy.log_file)
            answer = httpx.get(f"{proxy.url}/api/admin/console", timeout=ANSWER_S)
        finally:
            end(process)
            server.shutdown()

    assert (200, 4000) == (answer.status_code, len(answer.cookies["console_access"]))


def is_open(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_clients_are_counted_by_their_own_addresses(proxy: OwnService) -> None:
    """The proxy ignores an invented X-Forwarded-For, and clients do not share a count."""
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with (
        httpx.Client(timeout=ANSWER_S) as client,
        httpx.Client(timeout=ANSWER_S, transport=transport) as other,
    ):
        # A new window of the limit may begin meanwhile, once.
        is_limited = any(
            client.post(
                f"{proxy.url}/api/webhooks/stripe?token=hidden",
                headers={"X-Forwarded-For": f"203.0.113.{number % 250}, 198.51.100.{number % 250}"},
            ).status_code
            == 429
            for number in range(2 * REFUSALS + 1)
        )
        answer = other.post(f"{proxy.url}/api/webhooks/stripe")

    assert is_limited
    log = proxy.log_file.read_text()
    assert '"addresses":"203.0.113.' in log
    assert '"path":"/api/webhooks/stripe"}' in log
    assert "hidden" not in log
    assert (400, "MISSING_SIGNATURE") == (answer.status_code, answer.json()["code"])
