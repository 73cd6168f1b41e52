"""The error table: the HTTP status of each PGRST code and of each SQLSTATE."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg
from psycopg.errors import Diagnostic

from devstack.gateway.caller import ANONYMOUS
from devstack.gateway.header import is_header


#: Status codes that a final (non-1xx) response may use.
STATUS_RANGE = range(200, 600)
#: The status of each of PostgREST's own codes.
PGRST_STATUSES = {
    "PGRST001": 503,
    "PGRST002": 503,
    "PGRST003": 504,
    "PGRST100": 400,
    "PGRST101": 405,
    "PGRST102": 400,
    "PGRST103": 416,
    "PGRST105": 405,
    "PGRST106": 406,
    "PGRST107": 406,
    "PGRST108": 400,
    "PGRST111": 500,
    "PGRST112": 500,
    "PGRST114": 400,
    "PGRST115": 400,
    "PGRST116": 406,
    "PGRST117": 405,
    "PGRST118": 400,
    "PGRST120": 400,
    "PGRST121": 500,
    "PGRST122": 400,
    "PGRST123": 400,
    "PGRST124": 400,
    "PGRST125": 404,
    "PGRST126": 404,
    "PGRST128": 400,
    "PGRST200": 400,
    "PGRST201": 300,
    "PGRST202": 404,
    "PGRST203": 300,
    "PGRST204": 400,
    "PGRST205": 404,
    "PGRSTX00": 500,
}
#: The status of a SQLSTATE, or of its class of two characters. Any other is a client error: 400.
SQLSTATE_STATUSES = {
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
    """An error response; its body is always code, message, details and hint.

    The status follows from the code, unless `status` is given.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        details: Any = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = PGRST_STATUSES[code] if status is None else status
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
        self.extra_headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        """Return the JSON body of the response."""
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
        """Return the response headers. They include the code, because a HEAD gets no body."""
        code = "".join(letter for letter in self.code if letter.isalnum())
        return {
            "content-type": "application/json; charset=utf-8",
            "proxy-status": f"PostgREST; error={code}",
            **self.extra_headers,
        }


def range_not_satisfiable(details: str, total: int | None = None) -> RestError:
    """Return PGRST103, with the number of rows if it is known."""
    headers = None if total is None else {"content-range": f"*/{total}"}
    message = "Requested range not satisfiable"
    return RestError("PGRST103", message, details=details, headers=headers)


def from_postgres(error: psycopg.Error, role: str) -> RestError:
    """Return the error response to an error of Postgres or of the connection to it."""
    state = error.sqlstate
    if state is None:
        return _without_state(error)
    diagnostic = error.diag
    message = diagnostic.message_primary or str(error)
    if state == "PGRST":
        return _raised_response(message, diagnostic.message_detail)
    status = _status(state, role, diagnostic)
    headers = {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return RestError(
        state,
        message,
        status=status,
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
        # An invalid status is a mistake in the function that raised it.
        return int(state[2:]) if state[2:].isdigit() and state[2] in "2345" else 500
    return SQLSTATE_STATUSES.get(state) or SQLSTATE_STATUSES.get(state[:2]) or 400


def _without_state(error: psycopg.Error) -> RestError:
    """Return the response to a lost connection, or to a value that psycopg refuses to send."""
    if isinstance(error, psycopg.DataError):
        return RestError("22021", str(error), status=400)
    return RestError(
        "PGRST001",
        "Database client error. Retrying the connection.",
        details=str(error).strip() or None,
    )


def _raised_response(message: str, detail: str | None) -> RestError:
    """Return the response that a function chose by raising SQLSTATE PGRST."""
    raised = _object(message, texts=("code", "message"), others=("details", "hint"))
    if raised is None:
        return _invalid_raise(f"Invalid JSON value for MESSAGE: '{message}'", MESSAGE_HINT)
    if detail is None:
        return _invalid_raise("DETAIL is missing in the RAISE statement", DETAIL_HINT)
    chosen = _object(detail, others=("status_text",)) or {}
    status, headers = chosen.get("status"), chosen.get("headers")
    if type(status) is not int or status not in STATUS_RANGE or not _are_headers(headers):
        return _invalid_raise(f"Invalid JSON value for DETAIL: '{detail}'", DETAIL_HINT)
    return RestError(
        raised["code"],
        raised["message"],
        status=status,
        details=raised.get("details"),
        hint=raised.get("hint"),
        headers={name.lower(): text for name, text in chosen["headers"].items()},
    )


def _object(
    text: str, *, texts: tuple[str, ...] = (), others: tuple[str, ...] = ()
) -> dict[str, Any] | None:
    """Parse a JSON object that has the keys `texts`, and may have `others`; all are strings."""
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


def _invalid_raise(details: str, hint: str) -> RestError:
    return RestError(
        "PGRST121",
        "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
        details=details,
        hint=hint,
    )
