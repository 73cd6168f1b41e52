"""The metrics of this process for Prometheus, and the port on which workers show them."""

import contextlib
import functools
import hmac
import socket
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from market.errors import SettingsError


CONTENT_TYPE = CONTENT_TYPE_LATEST

#: Prometheus asks every few seconds, so a connection that sends nothing for so long has gone.
_IDLE_LIMIT_S = 5.0
_SECONDS_TO_A_DAY = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400)

# Without this line each counter would show its creation time as another series.
disable_created_metrics()  # type: ignore[no-untyped-call] # it has no types

# A label takes few values, all of our own code, and never ids or input. Each value is a time series
# for ever. Prometheus sees no increase in a series that begins with its first count, so name the
# labels early where a rule needs it.
ALERTS = Counter("market_alerts", "Problems that a person must handle.", ["alert"])
HTTP_REQUESTS = Histogram(
    "market_http_request_duration_seconds",
    "Time from the whole request to its answer, with the wait for a free place.",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
LIMIT_REFUSALS = Counter(
    "market_rate_limit_refusals",
    "Requests of the service and calls of RPCs that a rate limit refused.",
    ["limit"],
)

WEBHOOK_DELIVERIES = Counter(
    "market_webhook_deliveries", "Deliveries of Stripe by our answer.", ["endpoint", "outcome"]
)
WEBHOOK_RETRIES = Counter(
    "market_webhook_retries", "Stored events that the inbox job processed again.", ["outcome"]
)
WEBHOOK_AGE = Histogram(
    "market_webhook_event_age_seconds",
    "Age of an event of Stripe when it was stored, and when its effect was applied.",
    ["stage"],
    buckets=_SECONDS_TO_A_DAY,
)
for _stage in ("stored", "applied"):
    WEBHOOK_AGE.labels(stage=_stage)
STRIPE_CONNECT_MODES_DIFFERED = Counter(
    "market_stripe_connect_event_modes_differed",
    "Events of connected accounts that were dropped because they are of the other mode.",
)
STRIPE_SHAPES_DIFFERED = Counter(
    "market_stripe_event_shapes_differed",
    "Stripe events that came again in the shape of another API version.",
)
STRIPE_VERSIONS_DIFFERED = Counter(
    "market_stripe_event_versions_differed", "Stripe events of another API version than ours."
)
OUTBOX_ROWS = Counter("market_outbox_rows", "Tries to send a row to Stripe.", ["kind", "result"])
LEASES_LOST = Counter(
    "market_leases_lost", "Results that came after another worker had claimed the item.", ["queue"]
)
for _queue in ("inbox", "outbox"):
    LEASES_LOST.labels(queue=_queue)

CALL_RETRIES = Counter("market_call_retries", "Calls that were repeated.", ["function"])
CALL_RETRIES_REFUSED = Counter(
    "market_call_retries_refused", "Calls that the retry budget did not let us repeat."
)
RETRY_BUDGET = Gauge(
    "market_retry_budget_tokens",
    "Retries that the budget allows now, in the process that has the fewest.",
    multiprocess_mode="livemin",
)

JOB_ROUNDS = Histogram(
    "market_job_round_duration_seconds",
    "Time of one batch of a job.",
    ["job", "result"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
DUTIES = Histogram(
    "market_duty_duration_seconds",
    "Time of one duty of the reconcile job.",
    ["duty", "result"],
    buckets=(0.1, 1, 10, 60, 300),
)
JOB_ITEMS = Counter("market_job_items", "Items that a job has done.", ["job"])
JOB_LAST_SUCCESS = Gauge(
    "market_job_last_success_timestamp_seconds", "End of the last batch that succeeded.", ["job"]
)
WAKE_UPS = Counter("market_wake_ups", "Waits of a job that a wake-up ended.", ["job"])
WAKE_UPS_MISSED = Counter(
    "market_wake_ups_missed",
    "Rounds of a job without deadlines that found work which no wake-up announced.",
    ["job"],
)
CLOSE_LAG = Histogram(
    "market_auction_close_lag_seconds",
    "Time from the end of an auction to the commit of its close.",
    buckets=(0.05, 0.1, 0.2, 0.4, 0.6, 1, 2, 5, 15, 60, 300),
)

REALTIME_JOINS = Counter("market_realtime_joins", "Channels of Realtime that were joined.")
REALTIME_REJOINS = Counter(
    "market_realtime_rejoins", "Channels that were joined again after a connection had ended."
)
REALTIME_ENDS = Counter(
    "market_realtime_connections_ended", "Realtime connections that were replaced.", ["reason"]
)
REALTIME_PROBES_MISSED = Counter(
    "market_realtime_probes_missed", "Broadcasts to ourselves that did not come back in time."
)

#: Figures that the reconcile job reads from the database. A gauge exists only in a process that has
#: set it, so the service shows none of them.
FIGURES: Mapping[str, str] = {
    "held_messages": "Messages that wait for a decision of staff.",
    "inbox_waiting_events": "Events in the inbox that have not taken effect.",
    "last_heartbeat_seconds": "Time since the last heartbeat of any worker.",
    "ledger_drift_orders": "Orders whose ledger and rows disagree.",
    "oldest_held_message_seconds": "Age of the oldest message that waits for staff.",
    "oldest_overdue_auction_seconds": "Time since the end of the oldest auction still live.",
    "oldest_unprocessed_event_seconds": "Age of the oldest event that waits in the inbox.",
    "oldest_unsent_outbox_row_seconds": "Age of the oldest row that waits in the outbox.",
    "orders_unlike_stripe": "Orders whose ledger and Stripe disagree for ten minutes or more.",
    "outbox_overdue_seconds": "Time since the outbox should have sent the row that is due longest.",
    "outbox_waiting_rows": "Rows in the outbox that wait for their next try.",
    "overdue_auctions": "Auctions that are live after their end.",
    "postponed_auctions": "Auctions whose opening or close has failed.",
    "unpaid_overdue_orders": "Unpaid orders that are past due.",
    "webhook_gap_seconds": "Age of the oldest event that the inbox had missed at the last look.",
}


def set_figure(name: str, value: float) -> None:
    """Set a gauge of the reconcile job; of several processes, the last one counts.

    A newer database may answer figures that this version does not know; they are left out.
    """
    if name in FIGURES:
        _gauge(name).set(value)


@functools.cache
def _gauge(name: str) -> Gauge:
    return Gauge(f"market_{name}", FIGURES[name], multiprocess_mode="mostrecent")


def as_text() -> bytes:
    """Return the metrics of all gunicorn workers, or of this process where it is the only one."""
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # it has no types
    except ValueError:  # gunicorn.conf.py alone names the folder that its workers share
        registry = REGISTRY
    return generate_latest(registry)


def may_read(authorization: str, token: str) -> bool:
    """Return true if an Authorization header carries the token; without a token nobody may read."""
    scheme, _, given = authorization.partition(" ")
    # The comparison takes constant time. Otherwise a caller could guess the token by bytes.
    is_equal = hmac.compare_digest(given.strip().encode(), token.encode())
    return is_equal and bool(token) and scheme.lower() == "bearer"


@contextlib.contextmanager
def serving(host: str, port: int, token: str) -> Iterator[None]:
    """Serve /metrics and /health of this process inside the block; port 0 serves nothing.

    Raises:
        SettingsError: this machine cannot listen there, for example because another process does.

    """
    if port == 0:
        yield
        return
    server = _listen(host, port, token)
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listen(host: str, port: int, token: str) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    class Handler(_Handler):
        expected_token = token

    try:
        return Server((host, port), Handler)
    except OSError as error:
        reason = f"METRICS_HOST and METRICS_PORT: cannot listen on {host}:{port}: {error.strerror}."
        raise SettingsError(reason) from error


class _Handler(BaseHTTPRequestHandler):
    """Answers a worker's metrics to callers with the token."""

    expected_token: ClassVar[str]
    timeout = _IDLE_LIMIT_S

    def do_GET(self) -> None:
        """Answer with the metrics, or 401 without the token; /health and / show none."""
        path = self.path.partition("?")[0]
        if path != "/metrics":
            self._answer(HTTPStatus.OK if path in {"/", "/health"} else HTTPStatus.NOT_FOUND)
        elif not may_read(self.headers.get("Authorization", ""), self.expected_token):
            self._answer(HTTPStatus.UNAUTHORIZED)
        else:
            self._answer(HTTPStatus.OK, as_text())

    def log_message(self, *_arguments: object) -> None:
        """Log nothing: a request would be a line every few seconds."""

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE if body else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
