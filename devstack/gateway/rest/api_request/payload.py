"""The body of a write or a call: read far enough to know its shape, and passed on as it came."""

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qsl

from devstack.gateway.rest.errors import RestError


JSON_TYPES = ("application/json", "application/vnd.pgrst.object+json", "")
CSV_TYPE = "text/csv"
FORM_TYPE = "application/x-www-form-urlencoded"


def content_type(header: str | None) -> str:
    """Return the media type alone; none means JSON."""
    return (header or "application/json").partition(";")[0].strip().lower()


def read_json(text: str) -> Any:
    """Read a JSON body. Raises: RestError PGRST102."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RestError("PGRST102", "Empty or invalid json") from error


def read_rows(text: str) -> tuple[str, Any]:
    """Read rows in JSON; return their text and their value. Raises: RestError PGRST102.

    PostgREST takes a value that is neither an object nor an array for an empty array.
    """
    value = read_json(text)
    return (text, value) if isinstance(value, dict | list) else ("[]", [])


def as_text(body: bytes, kind: str) -> str:
    """Return a body as the text that Postgres reads. Raises: RestError PGRST102."""
    if kind == "application/octet-stream":
        return f"\\x{body.hex()}"
    try:
        return body.decode()
    except ValueError as error:
        raise RestError("PGRST102", "The body is not valid UTF-8") from error


def row_keys(value: Any) -> tuple[str, ...]:
    """Return the keys that a row, or each of several rows, has.

    Raises: RestError PGRST102 when rows differ in their keys, or are no objects.
    """
    rows = value if isinstance(value, list) else [value]
    if not rows:
        return ()
    keys = rows[0].keys() if isinstance(rows[0], dict) else None
    if any(not isinstance(row, dict) or row.keys() != keys for row in rows):
        raise RestError("PGRST102", "All object keys must match")
    return tuple(rows[0])


def as_json(body: bytes, kind: str) -> tuple[str, Any]:
    """Return a body of one of the forms that rows may come in as JSON, and its value.

    Raises: RestError PGRST102 for what is none.
    """
    if kind in JSON_TYPES:
        return read_rows(as_text(body, kind))
    if kind == CSV_TYPE:
        value: Any = read_csv(as_text(body, kind))
    elif kind == FORM_TYPE:
        value = dict(form_pairs(body))
    else:
        raise unacceptable(kind)
    return json.dumps(value), value


def form_pairs(body: bytes) -> list[tuple[str, str]]:
    """Read the fields of a form. Raises: RestError PGRST102."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise RestError("PGRST102", "Empty or invalid form") from error


def read_csv(text: str) -> list[dict[str, str | None]]:
    """Read rows below a line of names; the word NULL is no value. Raises: RestError PGRST102."""
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


def unacceptable(kind: str) -> RestError:
    """Return the answer to a body of a type that is not read."""
    return RestError("PGRST102", f"Content-Type not acceptable: {kind}")


def _refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(name)
