"""A small app for gunicorn: it counts its requests and shows its metrics at every path."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from market import metrics


if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(_environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Count the request, and answer with the counts of all workers."""
    metrics.REALTIME_JOINS.inc()
    start_response("200 OK", [("Content-Type", metrics.CONTENT_TYPE)])
    return [metrics.as_text()]
