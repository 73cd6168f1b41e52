"""Auctions as the database keeps them: one function here, one SQL function there.

Each may be called by any number of workers at once, and again after a lost reply.
"""

import datetime as dt

from market.auctions.types import ClosedAuction, Closing, Deadlines
from market.database import Database


def activate_due_auctions(database: Database, *, limit: int) -> int:
    """Make live what has reached its start; return how many did."""
    return int(database.call("activate_due_auctions", max_rows=limit))


def end_expired_auctions(database: Database, *, limit: int) -> Closing:
    """Close what is over, each in its own transaction within; one that fails is put off."""
    answer = database.call("end_expired_auctions", max_rows=limit)
    closed = tuple(
        ClosedAuction(
            auction_id=result["auction_id"],
            status=result["status"],
            order_id=result.get("order_id"),
        )
        for result in answer["results"]
        if result["success"]
    )
    return Closing(closed=closed, failed_count=answer["failed"])


def next_deadlines(database: Database) -> Deadlines:
    """Return when the next start, end and mark are."""
    answer = database.call("next_auction_deadline")
    return Deadlines(
        next_at=_moment(answer["next_at"]),
        next_mark_at=_moment(answer["next_mark_at"]),
        server_time=dt.datetime.fromisoformat(answer["server_time"]),
    )


def broadcast_time_remaining(database: Database, *, limit: int) -> int:
    """Have watchers told what changed and how long is left; return for how many auctions."""
    return int(database.call("broadcast_time_remaining", max_rows=limit))


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
