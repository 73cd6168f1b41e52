"""Plain values of the auctions domain."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds until the next deadlines, by the database's clock; None if nothing is in sight.

    `next_s` is the time until an auction starts or ends, `mark_s` until the time remaining must be
    broadcast. A deadline that has passed is below zero.
    """

    next_s: float | None
    mark_s: float | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClosedAuction:
    """An auction that is over; it was sold if it has an order."""

    auction_id: str
    status: str
    order_id: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedAuction:
    """An auction that was due, but got bidding time back after an outage."""

    auction_id: str
    end_at: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The result of one batch of auctions that were due."""

    closed: tuple[ClosedAuction, ...]
    extended: tuple[ExtendedAuction, ...]
    failed_count: int
    lags_s: tuple[float, ...] = ()
