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
        text = json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise AuthError(400, "bad_json", "Numbers must be finite") from error
    if "\\u0000" in text:
        raise AuthError(400, "bad_json", "Text must not contain a NUL character")
    return Jsonb(value)
