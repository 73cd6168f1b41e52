"""`service.requests`: the id of a request, and the time that its calls have."""

from typing import Any

import pytest
import structlog
from flask import Flask

from market import deadline, log
from service import requests


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

    requests.install(app)
    return app


def test_id_of_the_caller_is_kept(app: Flask, seen: dict[str, Any]) -> None:
    """Taken, bound to every line, and sent back."""
    answer = app.test_client().get("/", headers={"X-Request-Id": "trace-7"})

    assert ("trace-7", {"request_id": "trace-7"}) == (seen["request_id"], seen["bound"])
    assert ["trace-7"] == answer.headers.getlist("X-Request-Id")


@pytest.mark.parametrize("proposed", [None, "", "a b", "x" * 129, '{"a":1}'])
def test_request_without_a_sane_id_gets_one(
    app: Flask, seen: dict[str, Any], proposed: str | None
) -> None:
    """Each request can be asked about, whatever its caller has sent."""
    headers = {} if proposed is None else {"X-Request-Id": proposed}

    answer = app.test_client().get("/", headers=headers)

    assert seen["request_id"] == answer.headers["X-Request-Id"]
    assert 36 == len(seen["request_id"])


def test_error_carries_the_id_too(app: Flask) -> None:
    """Above all whoever meets an error wants to ask about it."""
    answer = app.test_client().get("/missing", headers={"X-Request-Id": "trace-7"})

    assert (404, "trace-7") == (answer.status_code, answer.headers["X-Request-Id"])


def test_calls_have_three_seconds(app: Flask, seen: dict[str, Any]) -> None:
    """A request knows how long it may go on calling, and the next one begins anew."""
    app.test_client().get("/")

    assert 2.5 < seen["remaining_s"] <= 3.0
    assert deadline.remaining_s() == float("inf")
    assert log.request_id() is None
