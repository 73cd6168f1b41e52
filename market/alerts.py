"""Alerts: problems that a person must handle, each a line in the log and a count."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import structlog

from market import metrics
from market.errors import MarketError


log = structlog.get_logger(__name__)

_STRAY_REASONS = (
    "amount_differs",
    "buyer_differs",
    "currency_differs",
    "intent_is_not_current",
    "order_cancelled",
    "order_is_settled",
)
#: Every alert by its urgency. A `page` wakes a person, a `ticket` waits for working hours.
URGENCY: Mapping[str, Literal["page", "ticket"]] = {
    "account_deletion_stuck": "ticket",
    "auctions_not_closed": "page",
    "bidding_interrupted": "ticket",
    "dispute_ended_otherwise": "ticket",
    "dispute_loss_reversed": "ticket",
    "duty_failed": "ticket",
    "identity_redaction_overdue": "ticket",
    "identity_user_contradicted": "ticket",
    "intent_of_another_order": "ticket",
    "ledger_drifted": "page",
    "money_event_unhandled": "ticket",
    "money_without_an_order": "ticket",
    "order_not_found": "ticket",
    "order_unlike_stripe": "page",
    "outbox_row_dead": "page",
    "outbox_row_not_closed": "page",
    "outbox_row_rejected": "ticket",
    "outbox_row_unanswered": "page",
    "refund_canceled": "ticket",
    "refund_failed": "ticket",
    "reversal_made_outside": "ticket",
    **dict.fromkeys((f"stray_payment:{reason}" for reason in _STRAY_REASONS), "ticket"),
    "transfer_made_outside": "ticket",
    "transfer_waits_for_money": "ticket",
    "webhook_event_account_contradicted": "page",
    "webhook_event_at_wrong_endpoint": "ticket",
    "webhook_event_content_differed": "page",
    "webhook_event_dead": "page",
}
for _name in URGENCY:
    # Prometheus sees no increase in a series that begins with its first count.
    metrics.ALERTS.labels(alert=_name)

#: An alert is logged at once, so another worker may claim it soon after a crash.
_LEASE_S = 60


class Caller(Protocol):
    """The adapter for Postgres, as alerts use it; adapters are above this module."""

    def call(self, function: str, **arguments: object) -> Any:
        """Run a SQL function and return its result."""


def alert(name: str, **fields: object) -> None:
    """Log an error named `alert_raised`, and count it under `name`.

    A name is a constant of our code or of a SQL function, never input.
    """
    metrics.ALERTS.labels(alert=name).inc()
    log.error("alert_raised", alert=name, **fields)


def raise_alerts(
    database: Caller, answer: Mapping[str, Any], *, subject: str, **fields: object
) -> None:
    """Raise each alert that a SQL function names in its answer, then confirm them.

    `subject` is the object that the database keeps them under. Most answers name no alert.
    """
    names = list(answer.get("alerts") or ())
    for name in names:
        alert(name, **fields)
    if names:
        _confirm(database, subject, names)


def raise_unconfirmed(database: Caller, *, limit: int) -> None:
    """Raise at most `limit` alerts that no process has confirmed as logged.

    The process that found one has died, or its answer was lost. So each alert is logged at least
    once, and sometimes twice.
    """
    for row in database.call("claim_alerts", max_rows=limit, lease_s=_LEASE_S):
        alert(row["name"], subject=row["subject"])
        _confirm(database, row["subject"], [row["name"]])


def _confirm(database: Caller, subject: str, names: list[str]) -> None:
    try:
        database.call("confirm_alerts", subject=subject, names=names)
    except MarketError as error:
        # A worker raises them again later. The call that found them has succeeded.
        log.warning("alerts_not_confirmed", subject=subject, code=error.code)
