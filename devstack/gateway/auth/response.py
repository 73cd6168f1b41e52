"""Responses of Auth: the JSON of users, factors and errors, as GoTrue writes it."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import psycopg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from devstack.gateway.auth.errors import AuthError
from devstack.gateway.auth.factors import Factor
from devstack.gateway.auth.users import User


#: A client that sends this date or a later one reads the error code under `code`.
_VERSION_HEADER = "x-supabase-api-version"
_FIRST_VERSION = "2024-01-01"
#: Auth shows other clients these errors of the database: exceptions and violated constraints.
_SHOWN_STATES = frozenset({"P0001", "23000", "23001", "23502", "23503", "23505", "23514", "23P01"})
#: Auth also shows this class, with the HTTP status that the code contains.
_SHOWN_CLASS = "PT"


def user_json(user: User) -> dict[str, Any]:
    """Return a user's JSON; times that are not set are left out."""
    always = {
        "id": str(user.id),
        "aud": user.aud,
        "role": user.role,
        "email": user.email or "",
        "phone": "",
        "app_metadata": user.raw_app_meta_data,
        "user_metadata": user.raw_user_meta_data,
        "identities": [_identity_json(identity) for identity in user.identities],
        "created_at": _timestamp(user.created_at),
        "updated_at": _timestamp(user.updated_at),
        "is_anonymous": user.is_anonymous,
    }
    times = {
        "email_confirmed_at": user.email_confirmed_at,
        "confirmed_at": user.confirmed_at,
        "invited_at": user.invited_at,
        "confirmation_sent_at": user.confirmation_sent_at,
        "recovery_sent_at": user.recovery_sent_at,
        "email_change_sent_at": user.email_change_sent_at,
        "last_sign_in_at": user.last_sign_in_at,
        "banned_until": user.banned_until,
        "deleted_at": user.deleted_at,
    }
    optional: dict[str, Any] = {key: _timestamp(value) for key, value in times.items() if value}
    if user.email_change:
        optional["new_email"] = user.email_change
    if user.factors:
        optional["factors"] = [factor_json(factor) for factor in user.factors]
    return always | optional


def factor_json(factor: Factor) -> dict[str, Any]:
    """Return a factor's JSON; only the response to its enrolment contains the secret."""
    friendly_name = {"friendly_name": factor.friendly_name} if factor.friendly_name else {}
    return {
        "id": str(factor.id),
        "created_at": _timestamp(factor.created_at),
        "updated_at": _timestamp(factor.updated_at),
        "status": factor.status,
        **friendly_name,
        "factor_type": factor.factor_type,
        "phone": factor.phone,
        "last_challenged_at": _timestamp(factor.last_challenged_at),
    }


def refusal(request: Request, error: AuthError) -> Response:
    """Return the response to an error, in the form of the client's API version."""
    headers = {"x-sb-error-code": error.code}
    version = request.headers.get(_VERSION_HEADER, "")
    body: dict[str, Any]
    if version >= _FIRST_VERSION:
        headers[_VERSION_HEADER] = _FIRST_VERSION
        body = {"code": error.code, "message": error.message}
    elif error.cause is not None and (status := _shown_status(error.cause)) is not None:
        return JSONResponse(_database_json(error.cause), status_code=status, headers=headers)
    else:
        body = {"code": error.status, "error_code": error.code, "msg": error.message}
    return JSONResponse(body | error.extra, status_code=error.status, headers=headers)


def _shown_status(error: psycopg.Error) -> int | None:
    """Return the HTTP status of a database error that Auth shows, or None if Auth hides it."""
    state = error.sqlstate or ""
    if state in _SHOWN_STATES:
        return 500
    is_named = state.startswith(_SHOWN_CLASS) and state[2:].isdecimal()
    return int(state[2:]) if is_named else None


def _database_json(error: psycopg.Error) -> dict[str, Any]:
    shown = {
        "code": error.sqlstate,
        "message": error.diag.message_primary,
        "hint": error.diag.message_hint,
        "detail": error.diag.message_detail,
    }
    return {key: value for key, value in shown.items() if value}


def ok(body: object, headers: Mapping[str, str] | None = None) -> Response:
    """Return a 200 with JSON."""
    return JSONResponse(body, headers=headers)


def no_content() -> Response:
    """Return a 204."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _identity_json(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "identity_id": str(identity["id"]),
        "id": identity["provider_id"],
        **{
            key: _plain(value)
            for key, value in identity.items()
            if key not in {"id", "provider_id"}
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _timestamp(value)
    return str(value) if isinstance(value, uuid.UUID) else value


def _timestamp(value: datetime | None) -> str | None:
    """Format a time as RFC 3339 in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None
