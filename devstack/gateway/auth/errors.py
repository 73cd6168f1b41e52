"""Refusals of Auth: a status, a code that clients test, and a sentence."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg.errors import UniqueViolation


class AuthError(Exception):
    """A refusal as Auth words it.

    `extra` holds keys that stand beside code and message, such as the reasons of a weak password.
    `cause` is an error of the database that Auth shows to clients of its first API version.
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
    """Return the refusal of a request that lacks something or holds what cannot be."""
    return AuthError(400, "validation_failed", message)


def email_exists() -> AuthError:
    """Return the refusal of an address that another user has."""
    message = "A user with this email address has already been registered"
    return AuthError(422, "email_exists", message)


def signup_disabled() -> AuthError:
    """Return the refusal of a newcomer where nobody may sign up."""
    return AuthError(422, "signup_disabled", "Signups not allowed for this instance")


def user_banned() -> AuthError:
    """Return the refusal of a user who was banned."""
    return AuthError(400, "user_banned", "User is banned")


def session_not_found() -> AuthError:
    """Return the refusal of a token whose session is no more."""
    message = "Session from session_id claim in JWT does not exist"
    return AuthError(403, "session_not_found", message)


@contextlib.contextmanager
def refusing_what_is_taken(refusal: AuthError) -> Iterator[None]:
    """Raise `refusal` when somebody else has taken the address since it was looked for.

    A trigger of the project may hit an index of its own, and that is no matter of the address.
    """
    try:
        yield
    except UniqueViolation as error:
        if error.diag.schema_name == "auth":
            raise refusal from error
        raise
