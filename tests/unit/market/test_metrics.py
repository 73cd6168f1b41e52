"""`market.metrics`: the text for Prometheus, and the port of the workers."""

import subprocess
import sys
from http.server import HTTPServer
from threading import Thread
from unittest.mock import create_autospec, patch

from devstack.schema import ROOT
from market import metrics


def test_counts_are_shown_as_prometheus_reads_them() -> None:
    """A quote in a label cannot end it."""
    metrics.ALERTS.labels(alert='a"b\\c\nd').inc()

    assert b'market_alerts_total{alert="a\\"b\\\\c\\nd"} 1.0\n' in metrics.as_text()


def test_figure_is_shown_once_it_is_known() -> None:
    """A process that never looks must not report that all is well."""
    # Other tests set figures in this process, so a new process shows its metrics.
    program = """
from devstack.schema import ROOT
from market import metrics
before = metrics.as_text()
metrics.set_figure("unpaid_overdue_orders", 3)
print(b"market_unpaid_overdue_orders" in before)
print(b"market_unpaid_overdue_orders 3.0\\n" in metrics.as_text())
"""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )

    assert ["False", "True"] == done.stdout.split()


def test_no_port_serves_nothing() -> None:
    """Port 0 turns the port off."""
    with (
        patch("market.metrics._start_http_server", autospec=True) as start,
        metrics.serving("127.0.0.1", 0),
    ):
        pass

    start.assert_not_called()


def test_port_is_free_again_afterwards() -> None:
    """The server listens where the settings say, and ends with the block."""
    with patch("market.metrics._start_http_server", autospec=True) as start:
        server, thread = start.return_value = create_autospec(HTTPServer), create_autospec(Thread)
        with metrics.serving("127.0.0.1", 9100):
            start.assert_called_once_with(9100, "127.0.0.1")
            server.shutdown.assert_not_called()

    server.shutdown.assert_called_once_with()
    server.server_close.assert_called_once_with()
    thread.join.assert_called_once_with()
