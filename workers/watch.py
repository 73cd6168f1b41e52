"""What a worker shows of itself: /health and /metrics, on the loopback address."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from http import HTTPStatus

from market import counters


@contextlib.contextmanager
def serving(port: int) -> Iterator[None]:
    """Serve as long as the block lasts; port 0 serves nothing."""
    if port == 0:
        yield
        return
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET; whoever can ask here is on this machine."""

    def do_GET(self) -> None:
        """Answer with what was counted, or that the process is there."""
        texts = {"/health": "ok\n", "/metrics": counters.as_text()}
        text = texts.get(self.path)
        body = (text if text is not None else "not found\n").encode()
        self.send_response(HTTPStatus.NOT_FOUND if text is None else HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Log nothing: whoever watches asks every few seconds."""
