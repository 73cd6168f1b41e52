"""An HTTP proxy in front of the service, or of Stripe, which holds back or changes requests."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx


_TIMEOUT_S = 30.0


class Proxy:
    """Passes requests on to `target`; `change` may hold one back and change its headers."""

    def __init__(self, target: str) -> None:
        proxy = self
        self._target = target
        self._client = httpx.Client(timeout=_TIMEOUT_S)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.pass_on(self)

            def do_POST(self) -> None:
                proxy.pass_on(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Return the address to call instead of the target's."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def change(self, _headers: dict[str, str], _body: bytes) -> None:
        """Do nothing; a kind of proxy does more."""

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        """Send a request to the target, and its answer back."""
        headers = {
            name: text
            for name, text in request.headers.items()
            if name.lower() not in ("host", "connection", "accept-encoding")
        }
        body = request.rfile.read(int(request.headers.get("Content-Length", "0")))
        self.change(headers, body)
        answer = self._client.request(
            request.command, self._target + request.path, content=body, headers=headers
        )
        request.send_response(answer.status_code)
        request.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        request.send_header("Content-Length", str(len(answer.content)))
        request.end_headers()
        request.wfile.write(answer.content)


class SlowWebhooks(Proxy):
    """Holds each event back; forged ones pass at once, so that the test takes less time."""

    DELAY_S = 5.3

    def change(self, _headers: dict[str, str], body: bytes) -> None:
        """Wait before the site gets the event."""
        if b'"object": "event"' in body and b"prod_forged" not in body:
            time.sleep(self.DELAY_S)


class Recorder(Proxy):
    """Keeps the method and the path of each request."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.requests: list[tuple[str, str]] = []

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        """Keep the request's line, then pass the request on."""
        self.requests.append((request.command, request.path.partition("?")[0]))
        super().pass_on(request)


class OtherKey(Proxy):
    """Replaces the key of each request, so that a service with a live key reaches a fake Stripe."""

    def __init__(self, target: str, key: str) -> None:
        super().__init__(target)
        self._key = key

    def change(self, headers: dict[str, str], _body: bytes) -> None:
        """Put our key in the place of the other one."""
        for name in list(headers):
            if name.lower() == "authorization":
                headers[name] = f"Bearer {self._key}"
