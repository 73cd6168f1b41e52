"""Errors of Auth: a status, a code that clients test, and a message."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg.errors import UniqueViolation


class AuthError(Exception):
    """An error with GoTrue's status, code and message.

    `extra` holds further keys of the body, such as the reasons against a weak password. `cause` is
    an error of the database that Auth shows to clients of its first API version.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        extra: Mapping[str, Any] | None = None,
        *,
        cause: psycopg.Error | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = dict(extra or {})
        self.cause = cause


def invalid(message: str) -> AuthError:
    """Return the error for a request with a missing or wrong value."""
    return AuthError(400, "validation_failed", message)


def email_exists() -> AuthError:
    """Return the error for an address that another user has."""
    message = "A user with this email address has already been registered"
    return AuthError(422, "email_exists", message)


def signup_disabled() -> AuthError:
    """Return the error for a sign-up in a project that has disabled sign-ups."""
    return AuthError(422, "signup_disabled", "Signups not allowed for this instance")


def user_banned() -> AuthError:
    """Return the error for a banned user."""
    return AuthError(400, "user_banned", "User is banned")


def session_not_found() -> AuthError:
    """Return the error for a token whose session has ended."""
    message = "Session from session_id claim in JWT does not exist"
    return AuthError(403, "session_not_found", message)


@contextlib.contextmanager
def refusing_duplicates(refusal: AuthError) -> Iterator[None]:
    """Raise `refusal` if a row of schema `auth` with the same value exists.

    Another request may have inserted it after this one looked. A violation in another schema
    comes from a trigger of the project and passes unchanged.
    """
    try:
        yield
    except UniqueViolation as error:
        if error.diag.schema_name == "auth":
            raise refusal from error
        raise
