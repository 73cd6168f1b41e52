"""Auctions in the database: each function here calls one SQL function.

Any number of workers may call each at once, and again after a lost reply.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from market.auctions.types import ClosedAuction, Closing, Deadlines, ExtendedAuction
from market.database import Database, accepted


def activate_due_auctions(database: Database, *, limit: int) -> int:
    """Make auctions live that have reached their start; return their number."""
    return int(database.call("activate_due_auctions", max_rows=limit))


def end_expired_auctions(database: Database, *, limit: int) -> Closing:
    """Close auctions that are over; SQL postpones one that fails and closes the others.

    SQL extends an auction instead, once, if an outage took bidding time near its end.
    """
    answer = close_batch(database, limit=limit)
    closed = tuple(
        ClosedAuction(
            auction_id=result["auction_id"],
            status=result["status"],
            order_id=result.get("order_id"),
        )
        for result in answer["results"]
        if result["success"]
    )
    extended = tuple(
        ExtendedAuction(auction_id=result["auction_id"], end_at=result["ends_at"])
        for result in answer["results"]
        if result.get("code") == "AUCTION_NOT_OVER"
    )
    # A database of the former release answers no lags.
    lags_s = tuple(answer.get("lags_s", ()))
    return Closing(closed=closed, extended=extended, failed_count=answer["failed"], lags_s=lags_s)


def close_batch(database: Database, *, limit: int) -> Mapping[str, Any]:
    """Do as `end_expired_auctions`, and return the answer of SQL."""
    answer: Mapping[str, Any] = database.call("end_expired_auctions", max_rows=limit)
    return answer


def finalize_auctions(
    database: Database,
    *,
    actor_id: str,
    request_id: str,
    reason: str,
    auction_id: str | None,
    force: bool,
) -> Mapping[str, Any]:
    """Close one auction or a batch for a member of staff, audited once for each request id.

    Raises:
        RejectedError: as `market.auctions.forcing.finalize`.

    """
    done: Mapping[str, Any] = accepted(
        database.call(
            "finalize_auctions",
            actor_id=actor_id,
            request_id=request_id,
            reason=reason,
            auction_id=auction_id,
            force=force,
        )
    )
    return done


def closing_status(database: Database) -> Mapping[str, Any]:
    """Return the auctions that wait for their close, and the last closed ones."""
    status: Mapping[str, Any] = database.call("closing_status")
    return status


def next_deadlines(database: Database) -> Deadlines:
    """Return the time until the next start or end, and until the next mark."""
    answer = database.call("next_auction_deadline")
    # Both times come from the database, so a wrong clock of this machine changes nothing.
    now = dt.datetime.fromisoformat(answer["server_time"])
    return Deadlines(
        next_s=_seconds_until(answer["next_at"], now),
        mark_s=_seconds_until(answer["next_mark_at"], now),
    )


def broadcast_time_remaining(database: Database, *, limit: int) -> int:
    """Have the time remaining recomputed and broadcast; return the number of auctions."""
    return int(database.call("broadcast_time_remaining", max_rows=limit))


def _seconds_until(time: str | None, now: dt.datetime) -> float | None:
    return None if time is None else (dt.datetime.fromisoformat(time) - now).total_seconds()
