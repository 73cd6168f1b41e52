"""Plain values of the auctions domain."""

import dataclasses
import datetime as dt


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


def _seconds_until(moment: dt.datetime | None, now: dt.datetime) -> float | None:
    return None if moment is None else (moment - now).total_seconds()
