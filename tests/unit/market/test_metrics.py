"""`market.metrics`: the text for Prometheus, and the port of the workers."""

import subprocess
import sys
from unittest.mock import patch

import pytest

from devstack.paths import ROOT
from market import metrics


def test_counts_are_shown_as_prometheus_reads_them() -> None:
    """A quote in a label is escaped."""
    metrics.ALERTS.labels(alert='a"b\\c\nd').inc()

    assert b'market_alerts_total{alert="a\\"b\\\\c\\nd"} 1.0\n' in metrics.as_text()


def test_figure_is_shown_once_it_is_known() -> None:
    """A figure appears only after its first value.

    A process that never reads it must not report zero.
    """
    # Other tests set figures in this process, so a new process shows its metrics.
    program = """
from devstack.paths import ROOT
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


@pytest.mark.parametrize(
    ("authorization", "token", "expected"),
    [
        ("Bearer secret", "secret", True),
        ("bearer secret", "secret", True),
        ("", "secret", False),
        ("secret", "secret", False),
        ("Bearer", "secret", False),
        ("Bearer secre", "secret", False),
        ("Bearer secret2", "secret", False),
        ("Bearer SECRET", "secret", False),
        ("Basic secret", "secret", False),
        ("Bearer s\xe9cret", "secret", False),
        ("Bearer ", "", False),
        ("Bearer", "", False),
        ("", "", False),
    ],
)
def test_metrics_are_for_the_token(authorization: str, token: str, expected: bool) -> None:  # noqa: FBT001 - pytest's form
    """Without a token in the settings nobody reads the metrics."""
    assert expected is metrics.may_read(authorization, token)


def test_figure_of_a_newer_database_is_left_out() -> None:
    """An unknown figure is skipped, because a database may be newer than its workers."""
    metrics.set_figure("figure_of_tomorrow", 1)

    assert b"figure_of_tomorrow" not in metrics.as_text()


def test_no_port_serves_nothing() -> None:
    """Port 0 turns the port off."""
    with (
        patch("market.metrics.ThreadingHTTPServer.__init__", autospec=True) as start,
        metrics.serving("127.0.0.1", 0, "secret"),
    ):
        pass

    start.assert_not_called()
