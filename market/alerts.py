"""Alerts: problems that a person must handle, each a line in the log and a count."""

from collections.abc import Mapping
from typing import Any

import structlog

from market import metrics


log = structlog.get_logger(__name__)


def alert(name: str, **fields: object) -> None:
    """Log an error named `alert_raised`, and count it under `name`."""
    metrics.ALERTS.labels(alert=name).inc()
    log.error("alert_raised", alert=name, **fields)


def raise_alerts(answer: Mapping[str, Any], **fields: object) -> None:
    """Raise each alert that a SQL function names in its answer; most answers name none."""
    for name in answer.get("alerts") or ():
        alert(name, **fields)
