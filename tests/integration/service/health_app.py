"""The smallest app for gunicorn: it answers every request with an empty success."""

from collections.abc import Iterable
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(_environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer 204."""
    start_response("204 No Content", [])
    return []
