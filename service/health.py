"""Report the health of the service to supervisors, balancers and people."""

import datetime as dt
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Literal

import structlog
from flask import Blueprint

from market.database import Database
from market.errors import MarketError
from market.stripe_api import StripeApi
from service.limits import AddressLimits
from service.route_table import ADDRESS, Answer, Caller, Route, Time


log = structlog.get_logger(__name__)

_DATABASE_KEPT_FOR_S = 1.0
_STRIPE_KEPT_FOR_S = 60.0


class LiveAnswer(Answer):
    """The process answers."""

    ok: Literal[True]
    status: Literal["live"]
    timestamp: Time


class ReadyAnswer(Answer):
    """The process can serve requests, or not."""

    ok: bool
    status: Literal["ready", "unavailable"]
    timestamp: Time


class Services(Answer):
    """The systems that the service calls."""

    database: Literal["up", "down"]
    stripe: Literal["up", "down"]


class HealthAnswer(Answer):
    """The state of the service for people; `uptime` is in seconds."""

    ok: bool
    status: Literal["healthy", "degraded"]
    timestamp: Time
    services: Services
    uptime: float


def health_blueprint(stripe_api: StripeApi, database: Database, limits: AddressLimits) -> Blueprint:
    """Build the blueprint that serves `/api/health`; its answers reveal no configuration.

    `live` and `ready` have no limit: a balancer may share its address with other callers, who must
    not use up its calls. The database still gets at most one check a second from each process.
    """
    blueprint = Blueprint("health", __name__, url_prefix="/api/health")
    postgres = _Check(
        "database", lambda: database.call("database_is_ready"), kept_for_s=_DATABASE_KEPT_FOR_S
    )
    stripe = _Check("stripe", stripe_api.ping, kept_for_s=_STRIPE_KEPT_FOR_S)
    started = time.monotonic()

    @blueprint.get("/live")
    @Route(summary="Report that the process answers.", callers=(Caller.ANYONE,), answer=LiveAnswer)
    def live() -> LiveAnswer:
        # Check no other system here: an outage of the database must not end this process.
        return LiveAnswer(ok=True, status="live", timestamp=_timestamp())

    @blueprint.get("/ready")
    @Route(
        summary="Report whether the database answers; 503 if it does not.",
        callers=(Caller.ANYONE,),
        answer=ReadyAnswer,
        statuses=(HTTPStatus.SERVICE_UNAVAILABLE,),
    )
    def ready() -> tuple[ReadyAnswer, HTTPStatus]:
        is_ready = postgres.passes()
        body = ReadyAnswer(
            ok=is_ready, status="ready" if is_ready else "unavailable", timestamp=_timestamp()
        )
        return body, _status(is_ok=is_ready)

    @blueprint.get("")
    @Route(
        summary="Report whether the database and Stripe answer; 503 if one does not.",
        callers=(Caller.ANYONE,),
        limits=(ADDRESS,),
        answer=HealthAnswer,
        statuses=(HTTPStatus.SERVICE_UNAVAILABLE,),
    )
    def health() -> tuple[HealthAnswer, HTTPStatus]:
        limits.hit()
        has_database, has_stripe = postgres.passes(), stripe.passes()
        is_ok = has_database and has_stripe
        body = HealthAnswer(
            ok=is_ok,
            status="healthy" if is_ok else "degraded",
            timestamp=_timestamp(),
            services=Services(
                database="up" if has_database else "down", stripe="up" if has_stripe else "down"
            ),
            uptime=round(time.monotonic() - started, 3),
        )
        return body, _status(is_ok=is_ok)

    return blueprint


class _Check:
    """Checks another system; all threads share the result for `kept_for_s` seconds."""

    def __init__(self, name: str, run: Callable[[], object], *, kept_for_s: float) -> None:
        self._name = name
        self._run = run
        self._kept_for_s = kept_for_s
        self._lock = threading.Lock()
        self._ran_at = -float("inf")
        self._passes = False

    def passes(self) -> bool:
        """Return the last result, or check again if it is old."""
        with self._lock:
            if time.monotonic() - self._ran_at > self._kept_for_s:
                self._passes = self._passes_now()
                self._ran_at = time.monotonic()
            return self._passes

    def _passes_now(self) -> bool:
        try:
            self._run()
        except MarketError as error:
            log.warning(
                "service_unhealthy", service=self._name, code=error.code, detail=error.detail
            )
            return False
        return True


def _status(*, is_ok: bool) -> HTTPStatus:
    return HTTPStatus.OK if is_ok else HTTPStatus.SERVICE_UNAVAILABLE


def _timestamp() -> str:
    return dt.datetime.now(dt.UTC).isoformat()
