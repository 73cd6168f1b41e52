"""What the control APIs of gateway and fake Stripe share: where they are and what they read."""

import json
from typing import Any

from starlette.requests import Request


PATH = "/_control"


class ControlError(ValueError):
    """A request to the control API that makes no sense; the message says why."""


async def read_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; no body is an empty one.

    Raises: ControlError, or ValueError where the body is no JSON.
    """
    body = await request.body()
    values = json.loads(body) if body else {}
    if not isinstance(values, dict):
        raise ControlError("the body must be a JSON object")
    return values
