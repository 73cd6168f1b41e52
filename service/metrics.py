"""Serve the metrics of the service to Prometheus, and measure each request."""

import time

from flask import Blueprint, Flask, Response, request

from market import metrics
from market.errors import RejectedError
from service.limits import AddressLimits
from service.route_table import ADDRESS, Caller, PlainText, Route


STARTED_KEY = "market.started"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def metrics_blueprint(limits: AddressLimits, *, token: str) -> Blueprint:
    """Build the blueprint that serves `/metrics` to callers with the token."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    @Route(
        summary="Read the metrics, as Prometheus does.",
        callers=(Caller.TOKEN,),
        auth_header="Authorization",
        limits=(ADDRESS,),
        answer=PlainText,
    )
    def show() -> Response:
        if not metrics.may_read(request.headers.get("Authorization", ""), token):
            limits.hit()
            raise RejectedError("UNAUTHORIZED", "metrics_token")
        return Response(metrics.as_text(), content_type=metrics.CONTENT_TYPE)

    return blueprint


def install(app: Flask) -> None:
    """Measure each request by its route's template: a path contains ids and other input."""

    @app.after_request
    def observe(response: Response) -> Response:
        rule = request.url_rule
        metrics.HTTP_REQUESTS.labels(
            route="unmatched" if rule is None else rule.rule,
            method=request.method if request.method in _METHODS else "other",
            status=f"{response.status_code // 100}xx",
        ).observe(time.perf_counter() - request.environ[STARTED_KEY])
        return response


def start(environ: dict[str, object]) -> None:
    """Note the start of a request whose body is complete: a slow sender is no slowness of ours."""
    environ[STARTED_KEY] = time.perf_counter()
