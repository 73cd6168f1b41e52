"""The winner and the price of an auction, computed from its accepted bids alone."""

import dataclasses
import datetime as dt
from collections.abc import Sequence


#: The increment that `bench.fixtures` sets for every price.
STEP_CENTS = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """An accepted bid, and the time at which it held the lock."""

    received_at: dt.datetime
    bidder: int
    amount_cents: int
    maximum_cents: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The leader, the leader's maximum, and the price that the leader pays."""

    bidder: int
    maximum_cents: int
    price_cents: int


def result_of(bids: Sequence[Bid]) -> Result | None:
    """Apply the second-price rule to the bids, one after another; there is no reserve."""
    leader: Result | None = None
    for bid in sorted(bids, key=lambda each: each.received_at):
        leader = _after(leader, bid)
    return leader


def _after(leader: Result | None, bid: Bid) -> Result:
    amount, maximum = bid.amount_cents, bid.maximum_cents
    if leader is None:
        return Result(bidder=bid.bidder, maximum_cents=maximum, price_cents=amount)
    if bid.bidder == leader.bidder:
        return dataclasses.replace(leader, maximum_cents=maximum)
    if maximum > leader.maximum_cents:
        price = max(amount, min(maximum, leader.maximum_cents + STEP_CENTS))
        return Result(bidder=bid.bidder, maximum_cents=maximum, price_cents=price)
    price = min(leader.maximum_cents, maximum + STEP_CENTS)
    return dataclasses.replace(leader, price_cents=price)
