"""Turn errors into HTTP answers; no other module does."""

import datetime as dt
import math
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import pydantic
import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from market import log as logs
from market.errors import MarketError, RejectedError
from service.route_table import Answer, Time, json_of


log = structlog.get_logger(__name__)

_BAD_REQUEST_CODES = (
    "AUCTION_ENDED",
    "AUCTION_NOT_LIVE",
    "AUCTION_NOT_OVER",
    "BAD_AMOUNT",
    "BIDDER_BLOCKED",
    "BID_TOO_LOW",
    "CODE_EXPIRED",
    "EVENT_FROM_FUTURE",
    "EVENT_TOO_OLD",
    "INVALID_CODE",
    "INVALID_PARAMS",
    "INVALID_PAYLOAD",
    "INVALID_REFERENCE",
    "INVALID_SIGNATURE",
    "LIVEMODE_MISMATCH",
    "MAX_BELOW_AMOUNT",
    "MAX_NOT_HIGHER",
    "MISSING_SIGNATURE",
    "NOT_READY",
    "OWN_LISTING",
    "PAYMENT_IN_TEXT",
    "PICKUP_LOCKED",
    "REQUEST_ID_REUSED",
    "SIGN_IN_REFUSED",
    "STRIPE_EMAIL_REFUSED",
    "STRIPE_REFUSED",
    "TRANSACTION_FAILED",
    "VALIDATION_ERROR",
)
#: The HTTP status of each code. A code that is not listed is a 500.
STATUS_OF_CODE: Mapping[str, HTTPStatus] = {
    **dict.fromkeys(_BAD_REQUEST_CODES, HTTPStatus.BAD_REQUEST),
    "ACCOUNT_BUSY": HTTPStatus.CONFLICT,
    "AUCTION_BUSY": HTTPStatus.CONFLICT,
    "AUCTION_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "AUTH_UNREACHABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "CONFLICT": HTTPStatus.CONFLICT,
    "CSRF_INVALID": HTTPStatus.FORBIDDEN,
    "DATABASE_BUSY": HTTPStatus.SERVICE_UNAVAILABLE,
    "DATABASE_UNREACHABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "DUPLICATE_RESOURCE": HTTPStatus.CONFLICT,
    "FORBIDDEN": HTTPStatus.FORBIDDEN,
    "KYC_COOLDOWN": HTTPStatus.TOO_MANY_REQUESTS,
    "KYC_REQUIRED": HTTPStatus.FORBIDDEN,
    "LISTING_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "PAYLOAD_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "PAYLOAD_UNREADABLE": HTTPStatus.BAD_GATEWAY,
    "PROFILE_NOT_FOUND": HTTPStatus.FORBIDDEN,
    "RATE_LIMITED": HTTPStatus.TOO_MANY_REQUESTS,
    "RESOURCE_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "SECOND_FACTOR_REQUIRED": HTTPStatus.UNAUTHORIZED,
    "SESSION_TOO_OLD": HTTPStatus.UNAUTHORIZED,
    "SHIPPING_NOT_OFFERED": HTTPStatus.CONFLICT,
    "STORAGE_ERROR": HTTPStatus.BAD_GATEWAY,
    "STORAGE_UNREACHABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "STRIPE_CONFLICT": HTTPStatus.SERVICE_UNAVAILABLE,
    "STRIPE_ERROR": HTTPStatus.BAD_GATEWAY,
    "STRIPE_RATE_LIMITED": HTTPStatus.SERVICE_UNAVAILABLE,
    "STRIPE_UNREACHABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "TIMEOUT": HTTPStatus.REQUEST_TIMEOUT,
    "UNAUTHORIZED": HTTPStatus.UNAUTHORIZED,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "USER_SUSPENDED": HTTPStatus.FORBIDDEN,
}
#: Texts for clients, for each code whose own words would be unclear.
_TEXTS = {
    "CSRF_INVALID": "This request did not come from the site",
    "PAYLOAD_UNREADABLE": "Stripe sent an answer that we cannot read. Please try again.",
    "RATE_LIMITED": "Too many requests. Please slow down.",
    "STORAGE_ERROR": "The file could not be stored. Please try again.",
    "STORAGE_UNREACHABLE": "The file could not be stored. Please try again.",
    "STRIPE_CONFLICT": "Stripe is still working on this. Please try again.",
    "STRIPE_ERROR": "Stripe could not do this. Please try again.",
    "STRIPE_RATE_LIMITED": "Stripe is busy. Please try again later.",
    "STRIPE_REFUSED": "Stripe refused this request",
    "STRIPE_UNREACHABLE": "Stripe does not answer. Please try again.",
    "UNAUTHORIZED": "No valid session found",
    "USER_SUSPENDED": "Your account is suspended",
}
#: The credentials that a client lacks, in the words of HTTP and RFC 9470.
_CHALLENGES = {
    "SECOND_FACTOR_REQUIRED": 'Bearer error="insufficient_user_authentication"',
    "SESSION_TOO_OLD": 'Bearer error="insufficient_user_authentication", max_age="600"',
    "UNAUTHORIZED": "Bearer",
}
_CODE_OF_STATUS = {
    HTTPStatus.FORBIDDEN: "FORBIDDEN",
    HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
    HTTPStatus.NOT_FOUND: "RESOURCE_NOT_FOUND",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "PAYLOAD_TOO_LARGE",
    HTTPStatus.UNAUTHORIZED: "UNAUTHORIZED",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "UNSUPPORTED_MEDIA_TYPE",
}


class ErrorAnswer(Answer):
    """The body of every refusal and error; some codes add fields, such as `retry_after_ms`."""

    error: Annotated[str, pydantic.Field(description="A sentence for people.")]
    code: Annotated[str, pydantic.Field(description="Decide by this, see docs/errors.md.")]
    correlation_id: str = pydantic.Field(
        alias="correlationId", description="The id of the request in our logs."
    )
    timestamp: Time


def install_error_handlers(app: Flask) -> None:
    """Answer every error as JSON with its code; an unexpected error is logged and becomes a 500."""

    @app.errorhandler(MarketError)
    def answer_deliberate(error: MarketError) -> Response:
        return answer_to(error)

    @app.errorhandler(HTTPException)
    def answer_http(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return answer_to(MarketError("INTERNAL_ERROR"))
        answer = answer_to(RejectedError(_CODE_OF_STATUS.get(status, "VALIDATION_ERROR")), status)
        allow = error.get_response().headers.get("Allow")
        if allow is not None:
            answer.headers["Allow"] = allow
        return answer

    @app.errorhandler(Exception)
    def answer_bug(error: Exception) -> Response:
        log.error("request_crashed", path=request.path, exc_info=error)
        return answer_to(MarketError("INTERNAL_ERROR"))


def answer_to(
    error: MarketError, status: HTTPStatus | None = None, *, page: str | None = None
) -> Response:
    """Return the answer to an error; its status follows from the code unless `status` is given.

    `page` is the HTML for a person in a browser, instead of the JSON for programs.
    """
    if status is None:
        status = STATUS_OF_CODE.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", code=error.code, detail=error.detail, path=request.path)
    else:
        log.info("request_refused", code=error.code, detail=error.detail, path=request.path)
    answer = jsonify(body_of(error)) if page is None else Response(page, mimetype="text/html")
    answer.status_code = status
    _add_headers(answer, error)
    return answer


def body_of(error: MarketError) -> dict[str, Any]:
    """Return the JSON body that a client gets for an error; all errors have the same form."""
    text = error.text if isinstance(error, RejectedError) else None
    fields = dict(error.fields) if isinstance(error, RejectedError) else {}
    body = ErrorAnswer(
        error=text or _TEXTS.get(error.code) or error.code.replace("_", " ").capitalize(),
        code=error.code,
        correlationId=logs.request_id() or str(uuid.uuid4()),
        timestamp=dt.datetime.now(dt.UTC).isoformat(),
    )
    return fields | json_of(body)


def _add_headers(answer: Response, error: MarketError) -> None:
    fields = error.fields if isinstance(error, RejectedError) else {}
    retry_after_ms = fields.get("retry_after_ms")
    if isinstance(retry_after_ms, int | float):
        answer.headers["Retry-After"] = str(max(1, math.ceil(retry_after_ms / 1000)))
    if error.code == "CSRF_INVALID":
        answer.headers["X-CSRF-Error"] = error.detail
    if error.code in _CHALLENGES:
        answer.headers["WWW-Authenticate"] = _CHALLENGES[error.code]
