"""Prepare every request: read its whole body, limit how many run at once, set id and deadline.

An upload has to be let in first, because its body is large.
"""

import collections
import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

from flask import Flask, Request, request
from gunicorn.http.errors import ParseException

from market import deadline, log
from market.errors import MarketError, RejectedError, TransientError
from service import metrics
from service.limits import AddressLimits


if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: We answer Stripe within five seconds. The last call may start at this limit and take 1.5 s.
CALLS_LIMIT_S = 3.0
#: Texts of a shipment have 8,192 characters, tags included. No other body comes near.
BODY_LIMIT = 64 * 1024
#: Stripe's events hold whole objects.
WEBHOOK_BODY_LIMIT = 1024 * 1024
WEBHOOKS = "/api/webhooks/"
UPLOAD_PATH = "/api/storage/upload"
#: A file of ten megabytes, with the fields and boundaries of its form.
UPLOAD_BODY_LIMIT = 11 * 1024 * 1024
#: An upload decodes a picture and waits for Storage, which may keep a caller waiting.
UPLOAD_CALLS_LIMIT_S = 15.0
#: At most so many uploads are in memory at once, whole and as parts of their forms.
_UPLOAD_PLACES = 4
#: The uploads of a user run one after the other. A web app may send the photos of a listing at
#: once; a waiting one holds a thread, but no memory.
_OWN_UPLOADS = 10
_OWN_UPLOADS_LIMIT_S = 8.0
REQUEST_ID_HEADER = "X-Request-Id"
_REQUEST_ID_KEY = "HTTP_X_REQUEST_ID"
#: A cookie may decide about an answer, and caches do not know that.
_NO_CACHE = ("Cache-Control", "no-store")
_REFUSAL_KEY = "market.refusal"
_BODY_IS_REFUSED_KEY = "market.body_is_refused"
#: At most so many requests run at once. With more, all become slow and none finishes in time.
#: Webhooks have places of their own. Stripe sends many at once after an outage; if they shared the
#: places of the people who wait for an answer, either could keep the other out. With a hundred bids
#: and a hundred webhooks in flight on two cores, eight places answered some webhooks too late, and
#: sixteen made the other routes twice as slow.
_PLACES = 16
_WEBHOOK_PLACES = 12
#: A request waits at most this long for its place. Callers give up after seconds and call again. If
#: all requests waited, the queue would soon hold only those whose callers are gone. Two hundred
#: requests at once all get a place in this time, and a webhook has some of CALLS_LIMIT_S left.
QUEUE_LIMIT_S = 2.5
#: These routes never wait, because a balancer must see that a busy service is alive.
_NEVER_QUEUED = ("/api/health/live", "/api/health/ready")


class BufferedRequest(Request):
    """A request whose body is in memory already, so its files need no temporary files."""

    def _get_file_stream(self, *_args: Any, **_kwargs: Any) -> IO[bytes]:
        return io.BytesIO()


def is_upload(method: str, path: str) -> bool:
    """Return true for a request that sends a file. Flask takes the path with a slash, too."""
    return method == "POST" and path.rstrip("/") == UPLOAD_PATH


def body_limit(method: str, path: str) -> int:
    """Return the most bytes that the body of a request may have."""
    if is_upload(method, path):
        return UPLOAD_BODY_LIMIT
    return WEBHOOK_BODY_LIMIT if path.startswith(WEBHOOKS) else BODY_LIMIT


def install(app: Flask, limits: AddressLimits, admit: Callable[[], str]) -> None:
    """Wrap `app`: it gets whole bodies, and each log line, call and answer carries the id.

    The body is read first, so a slow sender neither counts as a running request nor uses up the
    deadline of the calls. A refused body counts towards `limits`. `admit` checks the request of an
    upload before its body is read, and returns the id of its user.
    """
    inner: Callable[..., Iterable[bytes]] = app.wsgi_app
    places = Places(_PLACES)
    webhook_places = Places(_WEBHOOK_PLACES)
    gate = UploadGate(app, admit, places)
    app.request_class = BufferedRequest

    def wrapped(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request_id = log.sane_request_id(environ.get(_REQUEST_ID_KEY))
        environ[_REQUEST_ID_KEY] = request_id

        def answer(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None
        ) -> Callable[[bytes], object]:
            more = [(REQUEST_ID_HEADER, request_id), _NO_CACHE]
            return start_response(status, [*headers, *more], exc_info)

        path = environ["PATH_INFO"]
        if path.startswith("//"):
            # Flask would drop the slashes, and find a route whose limits do not know this path.
            environ[_REFUSAL_KEY] = RejectedError("RESOURCE_NOT_FOUND")
        is_file = is_upload(environ["REQUEST_METHOD"], path)
        is_webhook = path.startswith(WEBHOOKS)
        queue = webhook_places if is_webhook else places
        _check_length(environ)
        with (
            log.bound(request_id=request_id),
            gate.let_in(environ) if is_file else contextlib.nullcontext(),
        ):
            _receive(environ)
            metrics.start(environ)
            calls_limit_s = UPLOAD_CALLS_LIMIT_S if is_file else CALLS_LIMIT_S
            with (
                _place_in(None if path in _NEVER_QUEUED else queue, environ, "queue") as waited_s,
                # The wait of a webhook uses up its time, because we answer Stripe within five
                # seconds. Other requests have the whole time from their start: while many wait,
                # each would otherwise run out of time in its work, and the service would do
                # nothing but work that is thrown away.
                deadline.within(calls_limit_s - (waited_s if is_webhook else 0)),
            ):
                return inner(environ, answer)

    app.wsgi_app = wrapped  # type: ignore[method-assign] # Flask's documented place for it

    @app.before_request
    def refuse() -> None:
        if _BODY_IS_REFUSED_KEY in request.environ:
            limits.hit()
        refusal = request.environ.get(_REFUSAL_KEY)
        if refusal is not None:
            raise refusal


def _check_length(environ: "WSGIEnvironment") -> None:
    """Refuse a body that is announced as too large. A body in chunks announces no length."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > body_limit(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
        _refuse_body(environ, RejectedError("PAYLOAD_TOO_LARGE"))


def _receive(environ: "WSGIEnvironment") -> None:
    if _REFUSAL_KEY in environ:
        return
    try:
        _read_whole_body(environ)
    except RejectedError as refusal:
        _refuse_body(environ, refusal)


def _refuse_body(environ: "WSGIEnvironment", refusal: RejectedError) -> None:
    environ |= {_REFUSAL_KEY: refusal, _BODY_IS_REFUSED_KEY: True}


class UploadGate:
    """Lets an upload in before its body is read: its user first, then one upload of each user."""

    def __init__(self, app: Flask, admit: Callable[[], str], running: "Places") -> None:
        self._app = app
        self._admit = admit
        self._running = running
        self._places = Places(_UPLOAD_PLACES)
        self._lock = threading.Lock()
        self._own_places: dict[str, Places] = {}
        self._own_counts: collections.Counter[str] = collections.Counter()

    @contextlib.contextmanager
    def let_in(self, environ: "WSGIEnvironment") -> Iterator[None]:
        """Hold a place while the body is in memory. A refused request runs only to be refused."""
        user_id = self._user_of(environ)
        with (
            self._own_place(user_id, environ) as own,
            _place_in(own, environ, "own_uploads", _OWN_UPLOADS_LIMIT_S),
            _place_in(self._places, environ, "uploads"),
        ):
            yield

    def _user_of(self, environ: "WSGIEnvironment") -> str:
        # The check calls the database, so it counts as a running request.
        with (
            _place_in(self._running, environ, "queue"),
            self._app.request_context(environ),
            deadline.within(CALLS_LIMIT_S),
        ):
            if _REFUSAL_KEY not in environ:
                try:
                    return self._admit()
                except MarketError as refusal:
                    environ[_REFUSAL_KEY] = refusal
        return ""

    @contextlib.contextmanager
    def _own_place(self, user_id: str, environ: "WSGIEnvironment") -> Iterator["Places | None"]:
        """Give the only place of a user, or none to a refused request."""
        if _REFUSAL_KEY in environ:
            yield None
            return
        with self._lock:
            places = self._own_places.setdefault(user_id, Places(1))
            self._own_counts[user_id] += 1
            if self._own_counts[user_id] > _OWN_UPLOADS:
                environ[_REFUSAL_KEY] = RejectedError(
                    "RATE_LIMITED", "own_uploads", fields={"retry_after_ms": 1000}
                )
        try:
            yield places
        finally:
            with self._lock:
                self._own_counts[user_id] -= 1
                if not self._own_counts[user_id]:
                    del self._own_counts[user_id], self._own_places[user_id]


class Places:
    """Places for requests that run; the request that has waited longest gets the next one.

    A semaphore lets a new request overtake those that wait. Under load some of them then wait until
    their time is over, although others are served at once.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free_count = count
        self.waiting: collections.deque[threading.Event] = collections.deque()

    def acquire(self, timeout: float) -> bool:
        """Take a place; return false if none was free in time."""
        with self._lock:
            if self._free_count:
                self._free_count -= 1
                return True
            turn = threading.Event()
            self.waiting.append(turn)
        if turn.wait(timeout):
            return True
        with self._lock:
            # The place may come between the end of the wait and this lock.
            if not turn.is_set():
                self.waiting.remove(turn)
            return turn.is_set()

    def release(self) -> None:
        """Pass the place on to the request that has waited longest, or keep it free."""
        with self._lock:
            if self.waiting:
                self.waiting.popleft().set()
            else:
                self._free_count += 1


@contextlib.contextmanager
def _place_in(
    places: Places | None, environ: "WSGIEnvironment", name: str, limit_s: float | None = None
) -> Iterator[float]:
    """Hold one of the places, if the request needs one; give the seconds that it waited for it.

    A request that gets none in time runs only to be refused.
    """
    began = time.monotonic()
    if places is None or _REFUSAL_KEY in environ:
        yield 0.0
    elif places.acquire(timeout=QUEUE_LIMIT_S if limit_s is None else limit_s):
        try:
            yield time.monotonic() - began
        finally:
            places.release()
    else:
        environ[_REFUSAL_KEY] = TransientError("TIMEOUT", name)
        yield time.monotonic() - began


def _read_whole_body(environ: "WSGIEnvironment") -> None:
    """Replace the stream of a request by its whole body.

    Raises:
        RejectedError: `PAYLOAD_TOO_LARGE`, or `VALIDATION_ERROR` if the body is incomplete, too
            slow, or in malformed chunks.

    """
    announced = environ.get("CONTENT_LENGTH")
    length = int(announced) if announced else None
    limit = body_limit(environ["REQUEST_METHOD"], environ["PATH_INFO"])
    body = _receive_body(environ, limit + 1 if length is None else length)
    if len(body) > limit:
        raise RejectedError("PAYLOAD_TOO_LARGE")
    if length is not None and len(body) < length:
        raise RejectedError("VALIDATION_ERROR", text="The body is incomplete")
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _receive_body(environ: "WSGIEnvironment", most: int) -> bytes:
    try:
        body: bytes = environ["wsgi.input"].read(most)
    except (OSError, ParseException) as error:
        detail = type(error).__name__
        raise RejectedError("VALIDATION_ERROR", detail, text="The body is malformed") from error
    return body
