"""`service.requests`: request ids, deadlines, bodies and places."""

import io
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask
import pytest
import structlog
from flask import Flask
from gunicorn.http.errors import InvalidChunkSize, NoMoreData

from devstack.supervisor.processes import wait_until
from market import deadline, log
from market.errors import RejectedError
from service import requests
from service.errors import install_error_handlers
from service.limits import AddressLimits


#: A test waits at most this long for its threads. A busy machine makes none of them so slow.
WAIT_S = 60.0


@pytest.fixture
def seen() -> dict[str, Any]:
    return {}


@pytest.fixture
def app(seen: dict[str, Any]) -> Flask:
    app = Flask("t")

    @app.get("/")
    def look() -> str:
        seen.update(
            request_id=log.request_id(),
            bound=structlog.contextvars.get_contextvars(),
            remaining_s=deadline.remaining_s(),
        )
        return ""

    @app.post("/")
    def count() -> str:
        return str(len(flask.request.get_data()))

    install_error_handlers(app)
    requests.install(app, AddressLimits(), lambda: "user")
    return app


def test_id_of_the_caller_is_kept(app: Flask, seen: dict[str, Any]) -> None:
    """A caller's request id is bound to each line and answered."""
    answer = app.test_client().get("/", headers={"X-Request-Id": "trace-7"})

    assert ("trace-7", {"request_id": "trace-7"}) == (seen["request_id"], seen["bound"])
    assert ["trace-7"] == answer.headers.getlist("X-Request-Id")


@pytest.mark.parametrize("proposed", [None, "", "a b", "x" * 129, '{"a":1}'])
def test_request_without_a_sane_id_gets_one(
    app: Flask, seen: dict[str, Any], proposed: str | None
) -> None:
    """A request with an invalid id gets a new one."""
    headers = {} if proposed is None else {"X-Request-Id": proposed}

    answer = app.test_client().get("/", headers=headers)

    assert seen["request_id"] == answer.headers["X-Request-Id"]
    assert 36 == len(seen["request_id"])


def test_error_carries_the_id_too(app: Flask) -> None:
    """An error has the request id."""
    answer = app.test_client().get("/missing", headers={"X-Request-Id": "trace-7"})

    assert (404, "trace-7") == (answer.status_code, answer.headers["X-Request-Id"])


@pytest.mark.parametrize("path", ["/", "/missing"])
def test_no_cache_keeps_an_answer(app: Flask, path: str) -> None:
    """Answers forbid caching, because another user may share the cache."""
    answer = app.test_client().get(path)

    assert ["no-store"] == answer.headers.getlist("Cache-Control")


def test_calls_have_three_seconds(
    app: Flask, seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls of a request have three seconds together."""
    monkeypatch.setattr("time.monotonic", lambda: 100.0)

    app.test_client().get("/")

    assert 3.0 == seen["remaining_s"]
    assert deadline.remaining_s() == float("inf")
    assert log.request_id() is None


#: A request whose body is shorter than its Content-Length.
CUT: dict[str, Any] = {"method": "POST", "data": b"x", "environ_overrides": {"CONTENT_LENGTH": "2"}}


def stream_of(body: bytes, **environ: Any) -> dict[str, Any]:
    """Return a request in chunks, as gunicorn passes it to the application."""
    return {
        "method": "POST",
        "input_stream": io.BytesIO(body),
        "headers": {"Transfer-Encoding": "chunked"},
        "environ_overrides": {"wsgi.input_terminated": True, "CONTENT_LENGTH": "", **environ},
    }


@pytest.mark.parametrize("size", [0, 1, 64 * 1024])
def test_body_is_whole(app: Flask, size: int) -> None:
    """The application gets the same body from any transfer encoding."""
    client, body = app.test_client(), b"x" * size

    answers = [client.post("/", data=body), client.open("/", **stream_of(body))]

    assert [str(size)] * 2 == [answer.text for answer in answers]


def test_body_above_the_limit_is_refused(app: Flask) -> None:
    """A body above the limit is refused, and read only up to the limit."""
    client, body = app.test_client(), b"x" * (64 * 1024 + 1)

    answers = [client.post("/", data=body), client.open("/", **stream_of(body))]

    assert [(413, "PAYLOAD_TOO_LARGE")] * 2 == [
        (answer.status_code, answer.get_json()["code"]) for answer in answers
    ]


@pytest.mark.parametrize("error", [InvalidChunkSize(b"-5"), NoMoreData(), ConnectionResetError()])
def test_body_that_cannot_be_read_is_a_refusal(app: Flask, error: Exception) -> None:
    """Gunicorn's errors about a body become refusals."""

    class BrokenStream(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise error

    answer = app.test_client().open("/", **stream_of(b"") | {"input_stream": BrokenStream()})

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])


def test_cut_body_is_a_refusal(app: Flask) -> None:
    """A body that ends early is refused."""
    answer = app.test_client().open("/", **CUT)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])


def test_malformed_bodies_are_limited_by_address(app: Flask) -> None:
    """Malformed bodies count towards the limit of their address."""
    client = app.test_client()

    statuses = [client.open("/", **CUT).status_code for _ in range(121)]

    assert [400] * 120 + [429] == statuses


@pytest.mark.parametrize(("path", "places"), [("/", 16), ("/api/webhooks/", 12)])
def test_request_without_a_place_in_time_is_refused(
    monkeypatch: pytest.MonkeyPatch, path: str, places: int
) -> None:
    """A request that gets no place in time is refused.

    Without a limit the queue would fill with requests whose callers are gone.
    """
    monkeypatch.setattr(requests, "QUEUE_LIMIT_S", 0.01)
    app, began, may_end = Flask("t"), queue.SimpleQueue[int](), threading.Event()

    @app.get(f"{path}<int:number>")
    def work(number: int) -> str:
        began.put(number)
        assert may_end.wait(WAIT_S)
        return ""

    install_error_handlers(app)
    requests.install(app, AddressLimits(), lambda: "user")
    with ThreadPoolExecutor(places) as threads:
        answers = [
            threads.submit(app.test_client().get, f"{path}{number}") for number in range(places)
        ]
        for _ in range(places):
            began.get(timeout=WAIT_S)
        # More refusals than one address may cause: a busy service blames nobody.
        refused = [app.test_client().get(f"{path}{places}") for _ in range(121)]
        may_end.set()

    assert {(408, "TIMEOUT")} == {(one.status_code, one.get_json()["code"]) for one in refused}
    assert [200] * places == [answer.result().status_code for answer in answers]
    assert began.empty()


@pytest.mark.parametrize(("path", "left_s"), [("/", 3), ("/api/webhooks/", 1)])
def test_wait_uses_up_the_time_of_a_webhook_alone(
    monkeypatch: pytest.MonkeyPatch, path: str, left_s: float
) -> None:
    """The wait for a place counts towards a webhook's deadline, and not towards others'.

    Otherwise a busy service would only begin work that it cannot end in time.
    """
    now_s = 100.0

    def wait(_places: requests.Places, timeout: float) -> bool:
        nonlocal now_s
        now_s += 2
        return timeout >= 2

    monkeypatch.setattr("time.monotonic", lambda: now_s)
    monkeypatch.setattr(requests.Places, "acquire", wait)
    app = Flask("t")
    app.add_url_rule(path, view_func=lambda: str(deadline.remaining_s()))
    requests.install(app, AddressLimits(), lambda: "user")

    assert str(float(left_s)) == app.test_client().get(path).text


@pytest.fixture
def one_waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Return a function that waits until a request waits for a place."""
    made: list[requests.Places] = []

    def make(count: int) -> requests.Places:
        made.append(places(count))
        return made[-1]

    places = requests.Places
    monkeypatch.setattr(requests, "Places", make)
    return lambda: wait_until(lambda: any(each.waiting for each in made), WAIT_S)


def test_requests_at_work_are_bounded(
    monkeypatch: pytest.MonkeyPatch, one_waits: Callable[[], bool]
) -> None:
    """The seventeenth request waits for a place, and a health check needs none."""
    monkeypatch.setattr(requests, "QUEUE_LIMIT_S", WAIT_S)
    app, began, may_end = Flask("t"), queue.SimpleQueue[int](), threading.Event()

    @app.get("/<int:number>")
    def work(number: int) -> str:
        began.put(number)
        assert may_end.wait(WAIT_S)
        return ""

    app.add_url_rule("/api/health/live", view_func=lambda: "live")
    requests.install(app, AddressLimits(), lambda: "user")
    with ThreadPoolExecutor(17) as threads:
        answers = [threads.submit(app.test_client().get, f"/{number}") for number in range(17)]
        first = {began.get(timeout=WAIT_S) for _ in range(16)}
        live = app.test_client().get("/api/health/live")
        is_full = one_waits() and began.empty()
        may_end.set()

        last = began.get(timeout=WAIT_S)

    assert {*range(17)} == first | {last}
    assert is_full
    assert "live" == live.text
    assert [200] * 17 == [answer.result().status_code for answer in answers]


class UploadApp:
    """An app whose uploads are held until the test lets them go; each has the user of its token."""

    def __init__(self) -> None:
        self.app = Flask("t")
        self.inside = queue.Queue[str]()
        self.end = threading.Event()

        @self.app.post(requests.UPLOAD_PATH)
        def hold() -> str:
            self.inside.put(self._user())
            self.end.wait(WAIT_S)
            return ""

        install_error_handlers(self.app)
        requests.install(self.app, AddressLimits(), self._user)

    def _user(self) -> str:
        user = flask.request.headers.get("Authorization")
        if user is None:
            raise RejectedError("UNAUTHORIZED")
        return user

    def send(
        self, user: str | None = None, path: str = requests.UPLOAD_PATH
    ) -> tuple[int, str | None, int]:
        """Upload a byte; return the status, the code, and how much of the body was read."""
        stream = io.BytesIO(b"x")
        headers = {} if user is None else {"Authorization": user}
        answer = self.app.test_client().post(
            path, input_stream=stream, content_length=1, headers=headers
        )
        return answer.status_code, (answer.get_json(silent=True) or {}).get("code"), stream.tell()


@pytest.fixture
def uploading() -> Iterator[UploadApp]:
    app = UploadApp()
    yield app
    app.end.set()


def test_uploads_have_few_places(monkeypatch: pytest.MonkeyPatch, uploading: UploadApp) -> None:
    """Each holds megabytes, so one that gets no place is refused before its body is read."""
    monkeypatch.setattr(requests, "QUEUE_LIMIT_S", 0.01)
    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(uploading.send, user) for user in "abcd"]
        for _ in held:
            uploading.inside.get(timeout=WAIT_S)

        refused = uploading.send("e")
        uploading.end.set()

    assert (408, "TIMEOUT", 0) == refused
    assert [(200, None, 1)] * 4 == [answer.result() for answer in held]


@pytest.mark.parametrize("path", [requests.UPLOAD_PATH, requests.UPLOAD_PATH + "/"])
def test_unknown_user_needs_no_place(uploading: UploadApp, path: str) -> None:
    """A request without a session takes no place, and its body is not read."""
    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(uploading.send, user) for user in "abcd"]
        for _ in held:
            uploading.inside.get(timeout=WAIT_S)

        assert (401, "UNAUTHORIZED", 0) == uploading.send(None, path)
        uploading.end.set()
    assert [(200, None, 1)] * 4 == [answer.result() for answer in held]


def test_uploads_of_a_user_run_one_after_the_other(
    one_waits: Callable[[], bool], uploading: UploadApp
) -> None:
    """The second one waits without its body, and others run meanwhile."""
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(uploading.send, "a")
        assert "a" == uploading.inside.get(timeout=WAIT_S)
        second = pool.submit(uploading.send, "a")
        assert one_waits()
        other = pool.submit(uploading.send, "b")

        assert "b" == uploading.inside.get(timeout=WAIT_S)
        assert uploading.inside.empty()
        uploading.end.set()

        assert "a" == uploading.inside.get(timeout=WAIT_S)
    assert [(200, None, 1)] * 3 == [answer.result() for answer in (first, second, other)]


@pytest.mark.parametrize(
    ("name", "value", "refusal"),
    [
        ("_OWN_UPLOADS_LIMIT_S", 0.01, (408, "TIMEOUT", 0)),
        ("_OWN_UPLOADS", 1, (429, "RATE_LIMITED", 0)),
    ],
)
def test_own_uploads_wait_in_a_short_line(
    monkeypatch: pytest.MonkeyPatch, uploading: UploadApp, name: str, value: float, refusal: Any
) -> None:
    """Only few uploads of a user wait, because threads are few too."""
    monkeypatch.setattr(requests, name, value)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(uploading.send, "a")
        uploading.inside.get(timeout=WAIT_S)

        assert refusal == uploading.send("a")
        uploading.end.set()

    assert (200, None, 1) == held.result() == uploading.send("a")


def test_other_methods_have_the_usual_limit(app: Flask) -> None:
    """Only an upload may exceed the usual limit of a body."""
    answer = app.test_client().put(requests.UPLOAD_PATH, data=b"x" * (64 * 1024 + 1))

    assert (413, "PAYLOAD_TOO_LARGE") == (answer.status_code, answer.get_json()["code"])


def test_new_request_overtakes_none_that_waits() -> None:
    """A freed place belongs to the request that waits, even before its thread runs."""
    places = requests.Places(1)
    assert places.acquire(0)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(places.acquire, WAIT_S)
        assert wait_until(lambda: bool(places.waiting), WAIT_S)
        places.release()

        assert not places.acquire(0)
        assert waiting.result()
    places.release()
    assert places.acquire(0)
