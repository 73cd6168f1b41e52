"""The rules of one auction in plain Python.

It computes price and leader from all maxima at each bid. The SQL computes them from the state that
the last bid left.
"""

import copy
import dataclasses
import math
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID


#: Each pair is an upper bound of the price and its step. Above the last bound LAST_STEP holds.
LADDER = (
    (1_000, 50),
    (5_000, 100),
    (10_000, 250),
    (25_000, 500),
    (50_000, 1_000),
    (100_000, 2_500),
    (250_000, 5_000),
    (500_000, 10_000),
)
LAST_STEP = 25_000
OUTAGE_WINDOW = timedelta(minutes=10)
LEAST_EXTENSION = timedelta(minutes=1)


def step(price: int) -> int:
    """Return the increment above `price`."""
    return next((cents for below, cents in LADDER if price < below), LAST_STEP)


def fee(amount: int, bps: int = 500) -> int:
    """Return the fee of a sale, in cents; half a cent is rounded up."""
    return (amount * bps + 5_000) // 10_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SoftClose:
    """The window before the end, the time that a late bid leaves, and the cap of both."""

    window: timedelta
    extend: timedelta
    max_total: timedelta


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """A bid that everybody sees."""

    bidder: UUID
    cents: int
    is_proxy: bool
    placed_at: datetime
    accepted: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Maximum:
    """The maximum of a bidder. Two may be set in one microsecond, so `turn` orders them."""

    cents: int
    set_at: datetime
    turn: int


@dataclasses.dataclass(slots=True, kw_only=True)
class Auction:
    """One auction with its listing's snapshot, its bids, maxima and order."""

    id: UUID
    seller: UUID
    start_cents: int
    reserve_cents: int | None
    start_at: datetime
    end_at: datetime
    soft_close: SoftClose
    status: str
    updated_at: datetime
    scheduled_end_at: datetime = dataclasses.field(init=False)
    price: int = dataclasses.field(init=False)
    reserve_met: bool = dataclasses.field(init=False)
    leader: UUID | None = None
    bids: list[Bid] = dataclasses.field(default_factory=list)
    maxima: dict[UUID, Maximum] = dataclasses.field(default_factory=dict)
    open_cents: dict[UUID, int] = dataclasses.field(default_factory=dict)
    barred: set[UUID] = dataclasses.field(default_factory=set)
    bid_count: int = 0
    extension_count: int = 0
    version: int = 1
    finalized_at: datetime | None = None
    outage_extension_s: int = 0
    #: The start, if it was so late that it moved the end.
    late_start_at: datetime | None = None
    notified: Counter[tuple[UUID, str]] = dataclasses.field(default_factory=Counter)
    #: Every maximum that was set, in order; and true while the price has shown the reserve.
    history: list[tuple[UUID, int]] = dataclasses.field(default_factory=list)
    has_shown_reserve: bool = False

    def __post_init__(self) -> None:
        self.scheduled_end_at = self.end_at
        self.price = self.start_cents
        self.reserve_met = self.reserve_cents is None

    @property
    def minimum(self) -> int:
        """The lowest bid of a user who does not lead."""
        return self.price + step(self.price) if self.leader else self.start_cents

    @property
    def high_bid_seq(self) -> int | None:
        """The place of the leader's newest accepted bid."""
        seqs = [
            seq
            for seq, bid in enumerate(self.bids, 1)
            if bid.accepted and bid.bidder == self.leader
        ]
        return seqs[-1] if seqs else None

    def maximum_of(self, person: UUID) -> int:
        """Return the maximum of a bidder."""
        return self.maxima[person].cents

    def bid(self, person: UUID, cents: int, maximum: int, now: datetime) -> dict[str, Any]:
        """Accept a bid; return its receipt without the ids of rows."""
        before = copy.copy(self)
        if person == self.leader:
            self._raise(person, maximum, now)
            seq = self.high_bid_seq
        else:
            self.bids.append(Bid(bidder=person, cents=cents, is_proxy=False, placed_at=now))
            seq = len(self.bids)
            self.open_cents[person] = cents
            self._set_maximum(person, maximum, now)
            self.bid_count += 1
            self._settle(person, before.leader, now)
        return self._receipt(before, person, cents, maximum, now) | {"seq": seq}

    def _set_maximum(self, person: UUID, cents: int, now: datetime) -> None:
        self.history.append((person, cents))
        turn = 1 + max((held.turn for held in self.maxima.values()), default=0)
        self.maxima[person] = Maximum(cents=cents, set_at=now, turn=turn)

    def _raise(self, person: UUID, maximum: int, now: datetime) -> None:
        """Raise the leader's own maximum. It shows only if it reaches the reserve."""
        self._set_maximum(person, maximum, now)
        if not self.reserve_met and self.reserve_cents is not None:
            if maximum < self.reserve_cents:
                return
            self.price = max(self.price, self.reserve_cents)
            self.reserve_met = self.has_shown_reserve = True
            self._automatic(person, self.price, now)
            self._move(now)

    def _settle(self, challenger: UUID, incumbent: UUID | None, now: datetime) -> None:
        """Compute leader and price from all maxima, and add the automatic bids of both sides."""
        leader = self._reckon()
        loser = incumbent if leader == challenger else challenger
        if loser is not None:
            self._automatic(loser, self.maxima[loser].cents, now)
        self._automatic(leader, self.price, now)
        if incumbent is not None and incumbent != leader:
            self.notified[incumbent, "outbid"] += 1
        self._move(now)

    def _reckon(self) -> UUID:
        """Set leader, price and reserve_met from all maxima; return the leader."""
        ranking = sorted(self.maxima, key=lambda who: (-self.maxima[who].cents, self._turn(who)))
        leader, *losers = ranking
        highest = self.maxima[leader].cents
        price = self.open_cents[leader]
        if losers:
            runner_up = self.maxima[losers[0]].cents
            price = max(price, min(highest, runner_up + step(runner_up)))
        if self.reserve_cents is not None:
            self.reserve_met = highest >= self.reserve_cents
            is_lifted = self.reserve_met and price < self.reserve_cents
            self.has_shown_reserve = is_lifted or (self.has_shown_reserve and self.reserve_met)
            if self.reserve_met:
                price = max(price, self.reserve_cents)
        self.leader, self.price = leader, price
        return leader

    def withdraw(self, people: AbstractSet[UUID], now: datetime) -> bool:
        """Withdraw the bids of `people`; return False if there is none to withdraw."""
        gone = people & self.maxima.keys()
        if not gone or self.status != "live":
            return False
        before = self.leader
        self.barred |= gone
        for person in gone:
            del self.maxima[person]
            del self.open_cents[person]
        if self.maxima:
            self._reckon()
        else:
            self.leader, self.price = None, self.start_cents
            self.reserve_met = self.reserve_cents is None
            self.has_shown_reserve = False
        self.bids = [
            dataclasses.replace(bid, accepted=False)
            if bid.bidder in gone or (bid.is_proxy and bid.cents > self.price)
            else bid
            for bid in self.bids
        ]
        self.bid_count = sum(bid.accepted and not bid.is_proxy for bid in self.bids)
        if self.leader is not None:
            self._automatic(self.leader, self.price, now)
        self.version += 1
        self.updated_at = now
        self.notified[self.seller, "bids_withdrawn"] += 1
        if self.leader is not None and self.leader != before:
            self.notified[self.leader, "bids_withdrawn"] += 1
        return True

    def _turn(self, person: UUID) -> int:
        return self.maxima[person].turn

    def _automatic(self, person: UUID, cents: int, now: datetime) -> None:
        own = (bid.cents for bid in self.bids if bid.accepted and bid.bidder == person)
        if cents > max(own, default=0):
            self.bids.append(Bid(bidder=person, cents=cents, is_proxy=True, placed_at=now))

    def _move(self, now: datetime) -> None:
        """Count a change that everybody sees, and apply the soft close."""
        self.version += 1
        self.updated_at = now
        if self.end_at - now > self.soft_close.window:
            return
        cap = self.scheduled_end_at + self.soft_close.max_total
        end_at = min(cap, max(self.end_at, now + self.soft_close.extend))
        self.extension_count += end_at != self.end_at
        self.end_at = end_at

    def _receipt(
        self, before: "Auction", person: UUID, cents: int, maximum: int, now: datetime
    ) -> dict[str, Any]:
        return {
            "success": True,
            "amount_cents": cents,
            "is_proxy_bid": maximum > cents,
            "outbid_previous": before.leader is not None and before.leader != self.leader,
            "previous_bidder_id": before.leader,
            "previous_amount_cents": before.price if before.leader else None,
            "extension_seconds": (self.end_at - before.end_at).total_seconds(),
            "new_end_at": self.end_at,
            "is_leading": self.leader == person,
            "current_price_cents": self.price,
            "min_next_bid_cents": self.minimum,
            "reserve_met": self.reserve_met,
            "end_at": self.end_at,
            "server_time": now,
            "version": self.version,
            "received_at": now,
            "time_left_ms": (before.end_at - now) // timedelta(milliseconds=1),
            "idempotent": False,
        }

    def close(
        self,
        now: datetime,
        out: AbstractSet[UUID] = frozenset(),
        deleted: AbstractSet[UUID] = frozenset(),
    ) -> None:
        """Close an auction that is due. It is sold if a bidder leads and the reserve is met.

        Users in `out` neither win nor sell. The bids of a user in `deleted` who was outbid
        keep the price up.
        """
        if self.seller in out:
            self._cancel(now)
            return
        while self.withdraw({one for one in out if one == self.leader or one not in deleted}, now):
            pass
        is_sold = self.leader is not None and self.reserve_met
        self.status = "finalized" if is_sold else "no_sale"
        self.finalized_at = self.updated_at = now
        self.version += 1
        if self.leader is not None and self.reserve_met:
            self.notified[self.leader, "auction_won"] += 1
        self.notified[self.seller, "auction_ended" if is_sold else "auction_no_sale"] += 1

    def _cancel(self, now: datetime) -> None:
        self.status = "cancelled"
        self.finalized_at = self.updated_at = now
        self.version += 1
        for person in (self.seller, *self.maxima):
            self.notified[person, "auction_cancelled"] += 1

    def lost_time(self, outages: Iterable[tuple[datetime, datetime]]) -> timedelta:
        """Return the sum of the outages within the last ten minutes before the end."""
        since = max(self.late_start_at or self.start_at, self.end_at - OUTAGE_WINDOW)
        overlaps = (min(end, self.end_at) - max(start, since) for start, end in outages)
        return sum((time for time in overlaps if time > timedelta(0)), timedelta(0))

    def extend(self, now: datetime, lost: timedelta) -> None:
        """Move the end to now plus the lost time, and at least a minute."""
        extension = max(lost, LEAST_EXTENSION)
        self.end_at = self.scheduled_end_at = now + extension
        self.outage_extension_s = math.ceil(extension / timedelta(seconds=1))
        self.version += 1
        self.updated_at = now
        for person in (self.seller, *self.maxima):
            self.notified[person, "auction_extended"] += 1

    def activate(self, now: datetime, grace: timedelta) -> None:
        """Make the auction live. A start later than `grace` moves the end by the delay."""
        delay = now - self.start_at
        if delay > grace:
            self.late_start_at = now
            self.end_at += delay
            self.scheduled_end_at += delay
        self.status = "live"
        self.version += 1
        self.updated_at = now
