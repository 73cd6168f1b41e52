"""Whether we work: for the process supervisor, for the load balancer, for people."""

import datetime as dt
import threading
import time
from collections.abc import Callable
from http import HTTPStatus

import structlog
from flask import Blueprint, Response, jsonify

from market.database import Database
from market.errors import MarketError
from market.stripe_api import StripeApi
from service.limits import AddressLimits


log = structlog.get_logger(__name__)

_STRIPE_KEPT_FOR_S = 60.0


def health_blueprint(stripe_api: StripeApi, database: Database, limits: AddressLimits) -> Blueprint:
    """Build the blueprint that serves `/api/health`; it tells nothing of how we are set up."""
    blueprint = Blueprint("health", __name__, url_prefix="/api/health")
    stripe = _Cached(lambda: _works("stripe", stripe_api.ping))
    started = time.monotonic()

    @blueprint.get("/live")
    def live() -> Response:
        # Asks nothing: a process must not be killed because the database is away.
        return jsonify(ok=True, status="live", timestamp=_timestamp())

    @blueprint.get("/ready")
    def ready() -> tuple[Response, HTTPStatus]:
        limits.hit()
        is_ready = _works("database", lambda: database.call("database_is_ready"))
        body = jsonify(
            ok=is_ready, status="ready" if is_ready else "unavailable", timestamp=_timestamp()
        )
        return body, _status(is_ready)

    @blueprint.get("")
    def health() -> tuple[Response, HTTPStatus]:
        limits.hit()
        services = {
            "database": _works("database", lambda: database.call("database_is_ready")),
            "stripe": stripe.ask(),
        }
        is_ok = all(services.values())
        body = jsonify(
            ok=is_ok,
            status="healthy" if is_ok else "degraded",
            timestamp=_timestamp(),
            services={name: "up" if works else "down" for name, works in services.items()},
            uptime=round(time.monotonic() - started, 3),
        )
        return body, _status(is_ok)

    return blueprint


class _Cached:
    """Asks at most once a minute, whoever wants to know and however many do."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asked_at = -float("inf")
        self._answer = False

    def ask(self) -> bool:
        """Return what was answered last, or ask again when that is old."""
        with self._lock:
            if time.monotonic() - self._asked_at > _STRIPE_KEPT_FOR_S:
                self._answer = self._ask()
                self._asked_at = time.monotonic()
            return self._answer


def _works(name: str, ask: Callable[[], object]) -> bool:
    try:
        ask()
    except MarketError as error:
        log.warning("service_unhealthy", service=name, code=error.code, detail=error.detail)
        return False
    return True


def _status(is_ok: bool) -> HTTPStatus:  # noqa: FBT001 - the answer is its only argument
    return HTTPStatus.OK if is_ok else HTTPStatus.SERVICE_UNAVAILABLE


def _timestamp() -> str:
    return dt.datetime.now(dt.UTC).isoformat()
