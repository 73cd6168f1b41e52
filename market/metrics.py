"""The metrics of this process for Prometheus, and the port on which workers show them."""

import contextlib
import functools
from collections.abc import Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client import start_http_server as _start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from market.errors import SettingsError


# A label takes few values, never ids: each value is a time series for ever.
ALERTS = Counter("market_alerts", "Problems that a person must handle.", ["alert"])
REALTIME_JOINS = Counter("market_realtime_joins", "Channels of Realtime that were joined.")
REALTIME_ENDS = Counter(
    "market_realtime_connections_ended", "Realtime connections that were replaced.", ["reason"]
)
REALTIME_PROBES_MISSED = Counter(
    "market_realtime_probes_missed", "Broadcasts to ourselves that did not come back in time."
)
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
WAKE_UPS_MISSED = Counter(
    "market_wake_ups_missed", "Rounds that found work which no wake-up announced.", ["job"]
)

#: Figures that the reconcile job reports. A gauge exists only in a process that has set it, so the
#: service shows none of them.
_FIGURES: Mapping[str, str] = {
    "ledger_drift_orders": "Orders whose ledger and rows disagree.",
    "oldest_unprocessed_event_seconds": "Age of the oldest event that waits in the inbox.",
    "orders_unlike_stripe": "Orders whose ledger and Stripe disagree for ten minutes or more.",
    "unpaid_overdue_orders": "Unpaid orders that are past due.",
    "webhook_gap_seconds": "Age of the oldest event that the inbox had missed at the last look.",
}


def set_figure(name: str, value: float) -> None:
    """Set a gauge of the reconcile job; of several processes, the last one counts."""
    _gauge(name).set(value)


@functools.cache
def _gauge(name: str) -> Gauge:
    return Gauge(f"market_{name}", _FIGURES[name], multiprocess_mode="mostrecent")


def as_text() -> bytes:
    """Return the metrics of all gunicorn workers, or of this process where it is the only one."""
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # it has no types
    except ValueError:  # gunicorn.conf.py alone names the folder that its workers share
        registry = REGISTRY
    return generate_latest(registry)


@contextlib.contextmanager
def serving(host: str, port: int) -> Iterator[None]:
    """Serve the metrics of this process inside the block, at every path; port 0 serves nothing.

    Raises:
        SettingsError: this machine cannot listen there, for example because another process does.

    """
    if port == 0:
        yield
        return
    try:
        server, thread = _start_http_server(port, host)
    except OSError as error:
        reason = f"METRICS_HOST and METRICS_PORT: cannot listen on {host}:{port}: {error.strerror}."
        raise SettingsError(reason) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
