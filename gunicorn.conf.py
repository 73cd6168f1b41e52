"""Configure gunicorn, which reads this file when it starts in this folder."""

import contextlib
import errno
import fcntl
import gc
import importlib
import itertools
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gunicorn import util
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from market.errors import MarketError, RejectedError, SettingsError
from market.settings import Settings


try:
    Settings.from_environment()
except SettingsError as error:
    # Without this check each worker would fail with a traceback, again and again.
    sys.exit(f"service: {error.detail}")

# A connection that sends slowly holds a thread until its time is over; a waiting thread is cheap.
# service/requests.py limits the requests that run at the same time.
workers = 2
worker_class = "gthread"
threads = 500
worker_connections = 1000
# The adapters must be built after the fork: two processes must not share a socket.
preload_app = False

# A request starts no call after 3 s, and each call ends within 1.5 s.
timeout = 30
graceful_timeout = 5
# A balancer keeps an idle connection for 60 s. If we closed it first, the balancer might send a
# request into the closed connection. An idle connection holds no thread.
keepalive = 75

# The time limit in seconds for the head of a request, for its body, and for each piece of the
# answer.
_PART_LIMIT_S = 10.0

# A browser sends all chunks of a session cookie, 3 KB each, in one header line.
limit_request_field_size = 32_768
limit_request_fields = 100

# By default a header of a client on this machine may change the path. A proxy may pass it on.
forwarder_headers = ""

# The application logs each business event, so an access log would repeat it.
accesslog = None
errorlog = "-"
loglevel = "warning"
# The control socket has one address per machine, and several services may run there.
control_socket_disable = True


# prometheus-client reads from this variable the folder through which the workers share counts.
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_METRICS_PREFIX = "market-metrics-"
#: An answer may come before the body of an upload. A client that still sends the body reads the
#: answer only if we take the rest: closing a socket with unread bytes resets the connection.
_MOST_UNREAD = 12 * 1024 * 1024


#: The packages that take the longest to import. The workers get them by the fork, so a worker that
#: replaces a dead one answers sooner. Our own modules define metrics, which need their files first.
_SHARED_PACKAGES = ("flask", "pydantic", "stripe", "structlog", "supabase")


def on_starting(_server: Any) -> None:
    """Make the metrics folder, allow as many open files as possible, and import packages.

    Each connection is an open file. The usual limit of 1024 would end a full worker.
    """
    _remove_abandoned_folders()
    os.environ[_METRICS_FOLDER] = _make_metrics_folder()  # noqa: TID251 - see above
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for package in _SHARED_PACKAGES:
        importlib.import_module(package)
    # A collection in a worker would search these packages, and copy the memory that it shares.
    gc.freeze()


def pre_fork(server: Any, worker: Any) -> None:
    """Give a new worker the lowest number that no running worker has.

    Its metrics files carry this number. So a worker continues the counts of one that has died, and
    the number of files does not grow. If something has deleted the folder, only counts are lost.
    """
    Path(os.environ[_METRICS_FOLDER]).mkdir(mode=0o700, exist_ok=True)  # noqa: TID251 - see above
    taken = {running.metrics_number for running in server.WORKERS.values()}
    worker.metrics_number = next(number for number in itertools.count() if number not in taken)


def post_fork(_server: Any, worker: Any) -> None:
    """Name the worker's metrics files before the application is imported."""
    from prometheus_client import values  # noqa: PLC0415 - it reads the variable when imported

    values.ValueClass = values.MultiProcessValue(lambda: worker.metrics_number)


def post_worker_init(_worker: Any) -> None:
    """Let no garbage collection search what was built so far: it lives as long as the worker."""
    gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    """Remove the gauges of a worker that has died; its counts stay for its successor."""
    from prometheus_client import multiprocess  # noqa: PLC0415 - it reads the variable when imported

    multiprocess.mark_process_dead(worker.metrics_number)  # type: ignore[no-untyped-call] # it has no types


def on_exit(_server: Any) -> None:
    """Remove the metrics folder."""
    shutil.rmtree(os.environ[_METRICS_FOLDER], ignore_errors=True)  # noqa: TID251 - see above


def _make_metrics_folder() -> str:
    """Make an empty folder that no former service has used, and lock it until we end.

    The kernel releases the lock even if the process is killed. The folder gets its name after the
    lock, so that no other service that starts now takes it for abandoned.
    """
    folder = Path(tempfile.mkdtemp(prefix=f".{_METRICS_PREFIX}"))
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    return str(folder.rename(folder.with_name(folder.name[1:])))


def _remove_abandoned_folders() -> None:
    """Remove the metrics folders of services that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_METRICS_PREFIX}*"):
        # A running service holds the lock, and another user's folder cannot be removed.
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)


def _receive(unreader: SocketUnreader, size_hint: int | None = None) -> bytes:
    """Receive a piece of a request, or nothing once its head or its body takes too long.

    gunicorn itself waits for ever. It takes an empty piece for the end of the connection.
    """
    now = time.monotonic()
    unreader.ends_at = getattr(unreader, "ends_at", None) or now + _PART_LIMIT_S
    unreader.sock.settimeout(max(unreader.ends_at - now, 0.001))
    try:
        return _receive_without_limit(unreader, size_hint)
    except TimeoutError:
        return b""
    finally:
        unreader.sock.settimeout(None)


def pre_request(_worker: Any, request: Any) -> None:
    """Start the time limit of the body; the head is complete.

    The service does not read a body that is too large. Its rest would look like the next request,
    so the answer announces the end of the connection.
    """
    from service.requests import body_limit  # noqa: PLC0415 - metrics need their files first

    request.unreader.ends_at = None
    limit = body_limit(request.method, request.path)
    if any(name == "CONTENT-LENGTH" and int(value) > limit for name, value in request.headers):
        request.force_close()


def post_request(_worker: Any, request: Any, _environ: Any, _response: Any) -> None:
    """Let the time limit of the next head start with its first piece."""
    request.unreader.ends_at = None


def _send(sock: Any, data: bytes, *is_chunked: bool) -> None:
    """Send a piece of an answer; a client that reads too slowly counts as gone."""
    sock.settimeout(_PART_LIMIT_S)
    try:
        _send_without_limit(sock, data, *is_chunked)
    except TimeoutError as error:
        raise ConnectionResetError(errno.ECONNRESET, "slow reader") from error


def _write_error(sock: Any, status: int, reason: str, _message: str) -> None:
    """Answer a request that gunicorn itself refuses, such as one with a malformed head, as JSON."""
    from service.errors import body_of  # noqa: PLC0415 - metrics need their files first

    error = MarketError("INTERNAL_ERROR")
    if status == HTTPStatus.NOT_IMPLEMENTED:  # an unknown transfer coding, the sender's mistake
        status, reason = HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST.phrase
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        error = RejectedError("VALIDATION_ERROR")
    body = json.dumps(body_of(error)).encode()
    head = (
        f"HTTP/1.1 {int(status)} {reason}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode() + body)


def _handle(worker: Any, connection: Any) -> Any:
    """Serve a connection; after its last answer, wait in this thread until the client closes it.

    gunicorn would wait in the thread that accepts connections, up to two seconds for each. Clients
    that stay after their last answer would keep everybody else out.
    """
    is_kept = _handle_without_end(worker, connection)
    if not is_kept:
        util.close_graceful(connection.sock, max_drain=_MOST_UNREAD)
    return is_kept


def _close(connection: Any, **_is_graceful: bool) -> None:
    """Close a connection at once; its thread has waited for the client."""
    util.close(connection.sock)


# gunicorn has no setting for time limits of slow clients, nor for the form of its errors. So
# replace the functions that read, send, end a connection and answer an error.
_receive_without_limit = SocketUnreader.chunk
SocketUnreader.chunk = _receive
_send_without_limit = util.write
util.write = _send
util.write_error = _write_error
_handle_without_end = ThreadWorker.handle
ThreadWorker.handle = _handle
TConn.close = _close
