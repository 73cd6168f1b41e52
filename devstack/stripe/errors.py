"""Errors with the words and fields of Stripe: https://docs.stripe.com/api/errors."""

from http import HTTPStatus
from typing import Any

from devstack.stripe.config import StripeConfig
from devstack.stripe.store import Json


_DOCS = "https://stripe.com/docs/error-codes"


class StripeError(Exception):
    """An error answer, which rolls back the changes of the request.

    With `is_saved` the idempotency key keeps it. Stripe keeps the outcome of a request that it
    executed, and forgets a request that it refused before that.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        is_saved: bool = True,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_saved = is_saved
        self.body = error_body(message, kind=kind, code=code, **details)


def error_body(message: str, *, kind: str, code: str | None = None, **details: Any) -> Json:
    """Return the body of an error. As at Stripe it omits unknown fields and has no null."""
    error: Json = {"message": message, "type": kind}
    if code is not None:
        error |= {"code": code, "doc_url": f"{_DOCS}/{code.replace('_', '-')}"}
    error |= {name: value for name, value in details.items() if value is not None}
    return {"error": error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """Return the refusal of invalid parameters; an idempotency key does not keep it."""
    return StripeError(HTTPStatus.BAD_REQUEST, message, param=param, code=code, is_saved=False)


def refused(
    message: str, *, param: str | None = None, code: str | None = None, **details: Any
) -> StripeError:
    """Return the refusal of a request that the state of an object forbids."""
    return StripeError(HTTPStatus.BAD_REQUEST, message, param=param, code=code, **details)


def missing(kind: str, object_id: str, *, param: str, status: int = 400) -> StripeError:
    """Return the refusal of an unknown id: 404 for one in the path, 400 for a parameter."""
    return StripeError(
        status, f"No such {kind}: '{object_id}'", param=param, code="resource_missing"
    )


def unauthorized(message: str) -> StripeError:
    """Return the answer to a missing or wrong API key."""
    return StripeError(HTTPStatus.UNAUTHORIZED, message, is_saved=False)


def account_invalid(config: StripeConfig, account_id: str) -> StripeError:
    """Return the answer to an account that is not connected to ours."""
    return StripeError(
        HTTPStatus.FORBIDDEN,
        f"The provided key '{masked(config.secret_key)}' does not have access to account "
        f"'{account_id}' (or that account does not exist). Application access may have been "
        "revoked.",
        code="account_invalid",
        is_saved=False,
    )


def masked(key: str) -> str:
    """Return a key with all but its ends hidden."""
    return f"{key[:8]}{'*' * 8}{key[-4:]}"


def unrecognized(method: str, path: str) -> StripeError:
    """Return the answer to a path that this fake does not serve."""
    return StripeError(
        HTTPStatus.NOT_FOUND,
        f"Unrecognized request URL ({method}: {path}). The fake Stripe does not have it.",
        is_saved=False,
    )


#: Type, code and message of Stripe's own failures, by status.
_FAILURES: dict[int, tuple[str, str | None, str]] = {
    409: (
        "invalid_request_error",
        "lock_timeout",
        (
            "This object cannot be accessed right now because another API request or Stripe "
            "process is currently accessing it."
        ),
    ),
    429: ("invalid_request_error", "rate_limit", "Request rate limit exceeded."),
}
_UNKNOWN_FAILURE = ("api_error", None, "An unknown error occurred.")


def server_failure(status: int) -> StripeError:
    """Return a failure of Stripe itself; an idempotency key keeps it from status 500 on."""
    kind, code, message = _FAILURES.get(status, _UNKNOWN_FAILURE)
    is_saved = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return StripeError(status, message, kind=kind, code=code, is_saved=is_saved)
