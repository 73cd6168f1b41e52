"""The payload of a write or a call; its keys are parsed, and Postgres gets the text unchanged."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from devstack.gateway.rest.api_request.query_params import QueryParams
from devstack.gateway.rest.api_request.request import Request
from devstack.gateway.rest.errors import RestError


JSON_TYPES = ("application/json", "application/vnd.pgrst.object+json", "")
CSV_TYPE = "text/csv"
FORM_TYPE = "application/x-www-form-urlencoded"
#: The types that a single unnamed parameter may have, by the body's media type.
RAW_BODIES = {
    "application/json": ("json", "jsonb"),
    "text/plain": ("text",),
    "text/xml": ("xml",),
    "application/octet-stream": ("bytea",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The rows of a write, or the arguments of a call."""

    #: The body's media type; None for a call by GET, which has no body.
    media_type: str | None
    text: str = ""
    #: The keys of the rows or arguments in `text`.
    keys: tuple[str, ...] = ()
    is_array: bool = False
    #: The pairs of a query string or a form, which replace `text`.
    arguments: list[tuple[str, str]] | None = None


def read_rows(request: Request, query: QueryParams) -> Payload:
    """Read the rows of a write; `columns=` names their keys, except for a PUT.

    Raises: RestError PGRST102.
    """
    if request.method == "DELETE":
        return Payload(media_type=None)
    media_type = _media_type(request)
    text, value = _as_json(request.body, media_type)
    columns = None if request.method == "PUT" else query.columns
    keys = _row_keys(value) if columns is None else columns
    return Payload(media_type=media_type, text=text, keys=keys, is_array=isinstance(value, list))


def read_arguments(request: Request, query: QueryParams) -> Payload:
    """Read the arguments in the body of a call; `columns=` may name them.

    Raises: RestError PGRST102.
    """
    media_type = _media_type(request)
    if media_type == FORM_TYPE:
        return Payload(media_type=media_type, arguments=_form_pairs(request.body))
    if media_type == CSV_TYPE:
        rows = _read_csv(_as_text(request.body, media_type))
        text = json.dumps(rows)
        return Payload(media_type=media_type, text=text, keys=_row_keys(rows), is_array=True)
    if media_type not in RAW_BODIES:
        raise _not_acceptable(media_type)
    text = _as_text(request.body, media_type)
    if media_type != "application/json":
        return Payload(media_type=media_type, text=text)
    if query.columns is not None:
        is_array = not text.lstrip().startswith("{")
        return Payload(media_type=media_type, text=text, keys=query.columns, is_array=is_array)
    text, value = _parse_rows(text or "{}")
    is_array = isinstance(value, list)
    return Payload(media_type=media_type, text=text, keys=_row_keys(value), is_array=is_array)


def _media_type(request: Request) -> str:
    """Return the body's media type without its parameters; JSON is the default."""
    header = request.headers.get("content-type") or "application/json"
    return header.partition(";")[0].strip().lower()


def _parse_json(text: str) -> Any:
    """Parse a JSON body. Raises: RestError PGRST102."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RestError("PGRST102", "Empty or invalid json") from error


def _parse_rows(text: str) -> tuple[str, Any]:
    """Parse rows in JSON; return their text and their value. Raises: RestError PGRST102.

    PostgREST treats a value that is neither an object nor an array as an empty array.
    """
    value = _parse_json(text)
    return (text, value) if isinstance(value, dict | list) else ("[]", [])


def _as_text(body: bytes, media_type: str) -> str:
    """Return a body as the text that Postgres reads. Raises: RestError PGRST102."""
    if media_type == "application/octet-stream":
        return f"\\x{body.hex()}"
    try:
        return body.decode()
    except ValueError as error:
        raise RestError("PGRST102", "The body is not valid UTF-8") from error


def _row_keys(value: Any) -> tuple[str, ...]:
    """Return the keys of a row, or of each of several rows.

    Raises: RestError PGRST102 when rows differ in their keys or are no objects.
    """
    rows = value if isinstance(value, list) else [value]
    if not rows:
        return ()
    keys = rows[0].keys() if isinstance(rows[0], dict) else None
    if any(not isinstance(row, dict) or row.keys() != keys for row in rows):
        raise RestError("PGRST102", "All object keys must match")
    return tuple(rows[0])


def _as_json(body: bytes, media_type: str) -> tuple[str, Any]:
    """Return a body of JSON, CSV or form fields as the text of JSON, and its value.

    Raises: RestError PGRST102, also for another media type.
    """
    if media_type in JSON_TYPES:
        return _parse_rows(_as_text(body, media_type))
    if media_type == CSV_TYPE:
        value: Any = _read_csv(_as_text(body, media_type))
    elif media_type == FORM_TYPE:
        value = dict(_form_pairs(body))
    else:
        raise _not_acceptable(media_type)
    return json.dumps(value), value


def _form_pairs(body: bytes) -> list[tuple[str, str]]:
    """Parse the fields of a form. Raises: RestError PGRST102."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise RestError("PGRST102", "Empty or invalid form") from error


def _read_csv(text: str) -> list[dict[str, str | None]]:
    """Parse CSV with a header line; the word NULL means null. Raises: RestError PGRST102."""
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise RestError("PGRST102", f"The body is no CSV: {error}") from error
    names, *rows = lines or [[]]
    if not names or any(len(row) != len(names) for row in rows):
        raise RestError("PGRST102", "All lines must have same number of fields")
    return [
        {name: None if cell == "NULL" else cell for name, cell in zip(names, row, strict=True)}
        for row in rows
    ]


def _not_acceptable(media_type: str) -> RestError:
    """Return the error for a body of an unknown media type."""
    return RestError("PGRST102", f"Content-Type not acceptable: {media_type}")


def _refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python parses but JSON does not have."""
    raise ValueError(name)
