"""Plain values of the auctions domain."""

import dataclasses
import datetime as dt


#: The poll floor of what waits for auctions.
LONGEST_REST_S = 10.0
_SHORTEST_REST_S = 0.02


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """When something is due next, and what the database's clock says, for there is no other."""

    next_at: dt.datetime | None
    next_mark_at: dt.datetime | None
    server_time: dt.datetime

    def until_next_s(self) -> float | None:
        """Return how long until an auction starts or ends, below zero when it should have."""
        return _seconds_until(self.next_at, self.server_time)

    def until_mark_s(self) -> float | None:
        """Return how long until watchers are told the time that remains."""
        return _seconds_until(self.next_mark_at, self.server_time)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClosedAuction:
    """An auction that is over; sold if it has an order."""

    auction_id: str
    status: str
    order_id: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What became of one batch of auctions that were over."""

    closed: tuple[ClosedAuction, ...]
    failed_count: int


def rest_s(until_s: float | None, *, longest_s: float) -> float:
    """Return how long to rest until something is due; None is nothing in sight.

    Between two rounds there is always time for the database to do something else.
    """
    if until_s is None:
        return longest_s
    return max(_SHORTEST_REST_S, min(until_s, longest_s))


def _seconds_until(moment: dt.datetime | None, now: dt.datetime) -> float | None:
    return None if moment is None else (moment - now).total_seconds()
