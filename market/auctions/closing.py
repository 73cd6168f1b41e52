"""Activate and close auctions that are due, and find the next deadline."""

from collections.abc import Iterable

import structlog

from market import metrics
from market.alerts import alert
from market.auctions import repository
from market.database import Database


log = structlog.get_logger(__name__)

#: Within this time before an end, a late bid may move the end. The job then polls more often, so
#: that a lost wake-up delays nothing.
_NEAR_S = 60.0
_POLL_INTERVAL_WHILE_NEAR_S = 1.0
_POLL_INTERVAL_S = 10.0


def close_due(database: Database, *, limit: int) -> int:
    """Activate and close at most `limit` auctions each; return the larger count."""
    activated_count = repository.activate_due_auctions(database, limit=limit)
    closing = repository.end_expired_auctions(database, limit=limit)
    report(failed_count=closing.failed_count, lags_s=closing.lags_s)
    if activated_count:
        log.info("auctions_activated", count=activated_count)
    for auction in closing.closed:
        log.info(
            "auction_closed",
            auction_id=auction.auction_id,
            status=auction.status,
            order_id=auction.order_id,
        )
    for extended in closing.extended:
        log.info("auction_extended", auction_id=extended.auction_id, end_at=extended.end_at)
    return max(activated_count, len(closing.closed) + len(closing.extended))


def report(*, failed_count: int, lags_s: Iterable[float]) -> None:
    """Raise an alert about auctions that failed to close, and observe the lags of the others."""
    if failed_count:
        # SQL postpones each failed auction; only a person can remove the cause.
        alert("auctions_not_closed", count=failed_count)
    for lag_s in lags_s:
        metrics.CLOSE_LAG.observe(lag_s)


def wait_s(database: Database) -> float:
    """Return the seconds until the next start or end, by the database's clock.

    It is at most a poll interval, which is shorter while an end is near.
    """
    next_s = repository.next_deadlines(database).next_s
    if next_s is None:
        return _POLL_INTERVAL_S
    is_near = next_s <= _NEAR_S
    return min(next_s, _POLL_INTERVAL_WHILE_NEAR_S if is_near else _POLL_INTERVAL_S)
