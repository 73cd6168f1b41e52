"""`service.errors`: every error has one form, and its status comes from its code."""

import datetime as dt
from typing import Any

import pytest
import structlog
from flask import Flask, abort
from werkzeug.test import TestResponse

from market import log
from market.errors import MarketError, RejectedError, TransientError
from service.errors import STATUS_OF_CODE, body_of, install_error_handlers


def answer_to(error: Exception) -> TestResponse:
    app = Flask(__name__)
    install_error_handlers(app)

    @app.get("/")
    def fail() -> str:
        raise error

    return app.test_client().get("/")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RejectedError("VALIDATION_ERROR"), 400),
        (RejectedError("INVALID_PARAMS"), 400),
        (RejectedError("INVALID_REFERENCE"), 400),
        (RejectedError("TRANSACTION_FAILED"), 400),
        (RejectedError("UNAUTHORIZED"), 401),
        (RejectedError("FORBIDDEN"), 403),
        (RejectedError("CSRF_INVALID"), 403),
        (RejectedError("USER_SUSPENDED"), 403),
        (RejectedError("RESOURCE_NOT_FOUND"), 404),
        (TransientError("TIMEOUT"), 408),
        (RejectedError("CONFLICT"), 409),
        (RejectedError("DUPLICATE_RESOURCE"), 409),
        (RejectedError("RATE_LIMITED"), 429),
        (MarketError("INTERNAL_ERROR"), 500),
        (MarketError("DATABASE_ERROR"), 500),
        (MarketError("STRIPE_ERROR"), 502),
        (RejectedError("STRIPE_REFUSED"), 400),
        (RejectedError("STRIPE_EMAIL_REFUSED"), 400),
        (RejectedError("PAYLOAD_UNREADABLE"), 502),
        (RejectedError("NEVER_HEARD_OF"), 500),
        (TransientError("DATABASE_BUSY"), 503),
        (TransientError("DATABASE_UNREACHABLE"), 503),
        (TransientError("STRIPE_UNREACHABLE"), 503),
    ],
)
def test_status_follows_from_the_code(error: MarketError, status: int) -> None:
    """A code has one status, with any text and from any module."""
    answer = answer_to(error)

    assert (status, error.code) == (answer.status_code, answer.get_json()["code"])


def test_error_has_one_form() -> None:
    """Each error has a text, a code, a correlation id and a time."""
    with log.bound(request_id="r-1"):
        answer = answer_to(RejectedError("CONFLICT", "order-1"))

    body = answer.get_json()
    assert {"error", "code", "correlationId", "timestamp"} == set(body)
    assert ("Conflict", "r-1") == (body["error"], body["correlationId"])
    assert dt.datetime.fromisoformat(body["timestamp"]).tzinfo is not None
    assert "order-1" not in answer.text


def test_refusal_brings_its_text_and_fields() -> None:
    """A refusal has the text and the numbers of SQL."""
    error = RejectedError(
        "VALIDATION_ERROR", text="Minimum bid is $13.00", fields={"minimumBid": 1300}
    )

    body = answer_to(error).get_json()

    assert ("Minimum bid is $13.00", 1300) == (body["error"], body["minimumBid"])


def test_field_cannot_replace_what_every_error_has() -> None:
    """A field of SQL cannot replace code and correlation id."""
    body = body_of(RejectedError("CONFLICT", fields={"code": "X", "correlationId": "Y"}))

    assert "CONFLICT" == body["code"]
    assert "Y" != body["correlationId"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("UNAUTHORIZED", "No valid session found"),
        ("RATE_LIMITED", "Too many requests. Please slow down."),
        ("USER_SUSPENDED", "Your account is suspended"),
    ],
)
def test_text_that_the_site_knows_is_kept(code: str, text: str) -> None:
    """A text that the web app shows is not changed."""
    assert text == body_of(RejectedError(code))["error"]


@pytest.mark.parametrize(("retry_after_ms", "seconds"), [(0, "1"), (1, "1"), (1001, "2")])
def test_limit_says_when_to_come_back(retry_after_ms: int, seconds: str) -> None:
    """Retry-After is in whole seconds, rounded up."""
    error = RejectedError("RATE_LIMITED", fields={"retry_after_ms": retry_after_ms})

    assert seconds == answer_to(error).headers["Retry-After"]


def test_bug_is_logged_and_not_shown() -> None:
    """A bug's traceback is in the log, and not in the answer."""
    with structlog.testing.capture_logs() as logs:
        answer = answer_to(KeyError("secret"))

    assert (500, "INTERNAL_ERROR") == (answer.status_code, answer.get_json()["code"])
    assert "secret" not in answer.text
    assert isinstance(logs[0]["exc_info"], KeyError)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "VALIDATION_ERROR", 400),
        (401, "UNAUTHORIZED", 401),
        (403, "FORBIDDEN", 403),
        (404, "RESOURCE_NOT_FOUND", 404),
        (413, "PAYLOAD_TOO_LARGE", 413),
        (414, "VALIDATION_ERROR", 414),
        (415, "UNSUPPORTED_MEDIA_TYPE", 415),
        (500, "INTERNAL_ERROR", 500),
        (503, "INTERNAL_ERROR", 500),
    ],
)
def test_error_of_http_is_json_too(status: int, code: str, expected: int) -> None:
    """HTTP errors are JSON too."""
    app = Flask(__name__)
    install_error_handlers(app)

    @app.get("/")
    def fail() -> Any:
        abort(status)

    answer = app.test_client().get("/")

    assert (expected, code) == (answer.status_code, answer.get_json()["code"])


def test_no_code_claims_success() -> None:
    """Each status in the table is that of an error."""
    assert all(status >= 400 for status in STATUS_OF_CODE.values())
