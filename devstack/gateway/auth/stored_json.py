"""JSON from a client on its way into a row."""

import json
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from devstack.gateway.auth.errors import AuthError


def as_json(value: Mapping[str, Any]) -> Jsonb:
    """Wrap a JSON object as a parameter.

    Postgres keeps no NUL in text and no number without an end, so neither may come.
    """
    try:
        json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise AuthError(400, "bad_json", "Numbers must be finite") from error
    if _has_nul(value):
        raise AuthError(400, "bad_json", "Text must not contain a NUL character")
    return Jsonb(value)


def _has_nul(value: object) -> bool:
    """Look into every key and string, by no recursion: a client chooses how deep they lie."""
    parts: list[object] = [value]
    while parts:
        match parts.pop():
            case str(text) if "\0" in text:
                return True
            case Mapping() as fields:
                parts += [*fields.keys(), *fields.values()]
            case list(members):
                parts += members
    return False
