"""What PostgREST answers when it cannot: its own codes, and Postgres's as HTTP statuses."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg
from psycopg.errors import Diagnostic

from devstack.gateway.header import is_header


ANONYMOUS = "anon"
#: What an answer that is no first word of another one may have for a status.
STATUS_RANGE = range(200, 600)
#: SQLSTATE, or the first two characters of it, to status. What is not here is the caller's: 400.
STATUSES = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "23503": 409,
    "23505": 409,
    "25": 500,
    "25006": 405,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53": 503,
    "53400": 500,
    "54": 500,
    "55": 500,
    "57": 500,
    "57P01": 503,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "P0001": 400,
    "XX": 500,
}
MESSAGE_HINT = (
    "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: "
    "'details', 'hint'."
)
DETAIL_HINT = (
    "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: "
    "'status_text'."
)


class RestError(Exception):
    """An answer that is an error; the body is always code, message, details and hint."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Any = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
        self.extra_headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        """Return the error as the JSON of the answer."""
        fields = {
            "code": self.code,
            "details": self.details,
            "hint": self.hint,
            "message": self.message,
        }
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="replace")

    @property
    def headers(self) -> dict[str, str]:
        """Return what the answer's head says; clients read the code of a HEAD from it."""
        code = "".join(letter for letter in self.code if letter.isalnum())
        return {
            "content-type": "application/json; charset=utf-8",
            "proxy-status": f"PostgREST; error={code}",
            **self.extra_headers,
        }


def from_postgres(error: psycopg.Error, role: str) -> RestError:
    """Return what PostgREST makes of an error that Postgres reported."""
    state = error.sqlstate
    if state is None:
        return _without_state(error)
    diagnostic = error.diag
    message = diagnostic.message_primary or str(error)
    if state == "PGRST":
        return _dictated(message, diagnostic.message_detail)
    status = _status(state, role, diagnostic)
    headers = {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return RestError(
        status,
        state,
        message,
        details=diagnostic.message_detail,
        hint=diagnostic.message_hint,
        headers=headers,
    )


def _status(state: str, role: str, diagnostic: Diagnostic) -> int:
    message = diagnostic.message_primary or ""
    if state == "42501":
        return 401 if role == ANONYMOUS else 403
    if state == "22023" and message.startswith('role "') and message.endswith("does not exist"):
        return 401
    if state == "21000":
        return 400 if message.endswith("requires a WHERE clause") else 500
    if state.startswith("PT"):
        # What is no status is a mistake in the function that raised it.
        return int(state[2:]) if state[2:].isdigit() and state[2] in "2345" else 500
    return STATUSES.get(state) or STATUSES.get(state[:2]) or 400


def _without_state(error: psycopg.Error) -> RestError:
    """Tell a connection that failed from a value that psycopg itself would not send."""
    if isinstance(error, psycopg.DataError):
        return RestError(400, "22021", str(error))
    return RestError(
        503,
        "PGRST001",
        "Database client error. Retrying the connection.",
        details=str(error).strip() or None,
    )


def _dictated(message: str, detail: str | None) -> RestError:
    """Let a function that raises SQLSTATE PGRST choose status, body and headers."""
    said = _object(message, texts=("code", "message"), others=("details", "hint"))
    if said is None:
        return _undictated(f"Invalid JSON value for MESSAGE: '{message}'", MESSAGE_HINT)
    if detail is None:
        return _undictated("DETAIL is missing in the RAISE statement", DETAIL_HINT)
    asked = _object(detail, others=("status_text",)) or {}
    status, headers = asked.get("status"), asked.get("headers")
    if type(status) is not int or status not in STATUS_RANGE or not _are_headers(headers):
        return _undictated(f"Invalid JSON value for DETAIL: '{detail}'", DETAIL_HINT)
    return RestError(
        status,
        said["code"],
        said["message"],
        details=said.get("details"),
        hint=said.get("hint"),
        headers={name.lower(): text for name, text in asked["headers"].items()},
    )


def _object(
    text: str, *, texts: tuple[str, ...] = (), others: tuple[str, ...] = ()
) -> dict[str, Any] | None:
    """Read a JSON object that has `texts`, and may have `others`, for texts."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_good = (
        isinstance(value, dict)
        and all(isinstance(value.get(key), str) for key in texts)
        and all(isinstance(value.get(key), str | None) for key in others)
    )
    return value if is_good else None


def _are_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(is_header(*pair) for pair in value.items())


def _undictated(details: str, hint: str) -> RestError:
    return RestError(
        500,
        "PGRST121",
        "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
        details=details,
        hint=hint,
    )
