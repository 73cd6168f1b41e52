"""Read the rows of an answer of the official client."""

from typing import Any

from postgrest import APIResponse


def rows(answer: APIResponse) -> list[dict[str, Any]]:
    """Return an answer's rows."""
    found: Any = answer.data
    assert isinstance(found, list)
    return found
