"""JSON from a client on its way into a row."""

import json
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from devstack.gateway.auth.errors import AuthError


def as_json(value: Mapping[str, Any]) -> Jsonb:
    """Wrap a JSON object as a parameter; Postgres keeps no NUL in text, so none may come."""
    if "\\u0000" in json.dumps(value):
        raise AuthError(400, "bad_json", "Text must not contain a NUL character")
    return Jsonb(value)
