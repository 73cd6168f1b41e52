"""The steps that Hypothesis combines in any order."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.sql.bidding.bidding_harness import BiddingHarness
from tests.sql.bidding.bidding_world import NAMES, SERIOUS_NAMES, World
from tests.sql.bidding.oracle_auction import Auction, SoftClose, step
from tests.sql.bidding.oracle_refusals import HIGHEST


#: An auction that does not exist. Like all keys it is constant, so that a failure can be shrunk.
NOWHERE = UUID("00000000-0000-4000-8000-000000000000")
MICROSECOND = timedelta(microseconds=1)

#: An amount is chosen by its base, such as the minimum, and its distance from it.
Aim = tuple[str, int] | int | None
NEAR = st.tuples(
    st.sampled_from(["minimum", "minimum", "step", "leader", "leader", "reserve", "price"]),
    st.sampled_from([0, 0, 0, 1, -1, 10, 50, 137, 1_000]),
)
ODD = st.sampled_from([None, -5, 0, 99, 100, 1_000, 99_999_999, 100_000_000])
AMOUNTS = st.one_of(NEAR, NEAR, ODD)
MAXIMA = st.one_of(st.none(), NEAR, NEAR, ODD)
SERIOUS = st.sampled_from(SERIOUS_NAMES)
ANYBODY = st.sampled_from([*NAMES, *SERIOUS_NAMES])
EITHER = st.sampled_from([0, 1])
#: One of the two open auctions, one that is over, or one that does not exist.
ANYWHERE = st.sampled_from([0, 0, 0, 1, 1, 2, 3])

JUST = st.integers(-1, 1)
SPANS = st.sampled_from([0, 1_000, 37_000_000, 61_000_000, 300_000_000, 900_000_000])
#: Just too short, just long enough, longer than what an extension gives at least, and very long.
OUTAGES = (
    timedelta(seconds=30) - MICROSECOND,
    timedelta(seconds=30),
    timedelta(seconds=77, microseconds=7),
    timedelta(minutes=11),
)
TIMES = st.one_of(
    st.tuples(st.just("now"), SPANS),
    st.tuples(st.just("now"), SPANS),
    st.tuples(st.sampled_from(["start", "window", "window", "end", "end"]), JUST),
)
SOFT_CLOSES = st.builds(
    lambda window, extend, total: SoftClose(
        window=timedelta(seconds=window),
        extend=timedelta(seconds=extend),
        max_total=timedelta(seconds=total),
    ),
    st.sampled_from([300, 3, 3, 600]),
    st.sampled_from([300, 3, 120]),
    st.sampled_from([86_400, 400]),
)
MEANWHILE = (
    *["time"] * 4,
    *["close", "close", "close", "close one", "force", "activate"],
    *["live", "live", "outage", "beat"],
    *["look", "look", "lift", "lift", "suspend"],
    *["delete", "restore", "suspend the seller", "lift the seller", "lift the seller"],
    "withdraw all",
)
RESERVES = st.sampled_from([None, 1, 137, 2_000, 40_000])
OFFERS: dict[str, Any] = {
    "rules": SOFT_CLOSES,
    "start_cents": st.sampled_from([100, 950, 1_000, 4_990, 499_000, 99_990_000]),
    "reserves": st.tuples(RESERVES, RESERVES),
    "lasts_s": st.sampled_from([3_600, 3_600, 200]),
    "starts_in_s": st.sampled_from([0, 30]),
}


class BiddingMachine(RuleBasedStateMachine):
    """Two auctions at a time, and all people who might bid on them."""

    def __init__(self, world: World, executed: Counter[str]) -> None:
        super().__init__()
        self.world = world
        self.harness = BiddingHarness(world, executed)
        self.auction_ids: list[UUID] = []
        self.keys: list[tuple[str, UUID, UUID]] = []

    def teardown(self) -> None:
        """Undo the example."""
        self.harness.undo()

    @invariant()
    def all_that_was_written_is_the_oracles(self) -> None:
        """Compare the database with the oracle after each step."""
        self.harness.compare()

    @initialize(**OFFERS)
    def open_auctions(
        self,
        rules: SoftClose,
        start_cents: int,
        reserves: tuple[int | None, int | None],
        lasts_s: int,
        starts_in_s: int,
    ) -> None:
        """Open one auction, and a second that may still be scheduled."""
        self.world.close_softly(rules)
        # Settings count from their next use, also for an auction that an outage keeps open.
        for auction in self.harness.market.auctions.values():
            auction.soft_close = rules
        self.harness.suspend("seller", is_suspended=False)
        self.auction_ids = []
        for reserve, starts_in in zip(reserves, (0, starts_in_s), strict=True):
            start_at = self.world.now + timedelta(seconds=starts_in)
            auction_id = self.world.open_auction(
                self.harness.market,
                rules,
                start_cents=start_cents,
                reserve_cents=None if reserve is None else min(start_cents + reserve, HIGHEST),
                start_at=start_at if starts_in else None,
                end_at=start_at + timedelta(seconds=lasts_s),
            )
            self.auction_ids.append(auction_id)
        self.harness.count("opened")

    @precondition(lambda self: not self._is_any_to_come())
    @rule(**OFFERS)
    def open_more(self, **offer: Any) -> None:
        """Open two more when both are over, closed or not."""
        BiddingMachine.open_auctions(self, **offer)

    @precondition(lambda self: self._open_auctions())
    @rule(name=SERIOUS, where=EITHER, cents=NEAR, maximum=NEAR)
    def compete(self, name: str, where: int, cents: Aim, maximum: Aim) -> None:
        """Place a bid that most rules accept."""
        auction = self._open_auctions()[-where]
        amount = max(auction.minimum, self._cents(auction, cents) or 0)
        most = max(amount, self._cents(auction, maximum) or 0)
        self.harness.bid(name, auction.id, amount, most, self._new_key(name, auction.id))

    @precondition(lambda self: self._open_auctions())
    @rule(name=SERIOUS, where=EITHER, beyond=st.sampled_from([0, 0, 1, -1, 60, 5_000]))
    def challenge(self, name: str, where: int, beyond: int) -> None:
        """Bid with a maximum just below, at or above the leader's."""
        auction = self._open_auctions()[-where]
        most = self._cents(auction, ("leader", beyond))
        self.harness.bid(name, auction.id, auction.minimum, most, None)

    @precondition(lambda self: self._open_auctions())
    @rule(name=ANYBODY, where=EITHER, beyond=st.sampled_from([1, 10, 137, 3_000]))
    def outbid(self, name: str, where: int, beyond: int) -> None:
        """Take the lead or defend it, with any user, allowed or not."""
        auction = self._open_auctions()[-where]
        most = max(auction.minimum, self._cents(auction, ("leader", beyond)) or 0)
        self.harness.bid(name, auction.id, auction.minimum, most, self._new_key(name, auction.id))

    @rule(name=ANYBODY, where=ANYWHERE, cents=AMOUNTS, maximum=MAXIMA, has_key=st.booleans())
    def bid(self, name: str, where: int, cents: Aim, maximum: Aim, *, has_key: bool) -> None:
        """Bid with any user, auction and amounts."""
        auction_id = self._auction_id(where)
        key = self._new_key(name, auction_id) if has_key else None
        self._bid(name, auction_id, cents, maximum, key)

    @precondition(lambda self: self.keys)
    @rule(which=st.integers(0, 500), where=ANYWHERE, cents=AMOUNTS, maximum=MAXIMA)
    def retry(self, which: int, where: int, cents: Aim, maximum: Aim) -> None:
        """Use a key again: for the same auction or another, with other amounts, at any time."""
        name, key, auction_id = self.keys[which % len(self.keys)]
        self._bid(name, self._auction_id(where) if where else auction_id, cents, maximum, key)

    @precondition(lambda self: self._open_auctions())
    @rule(name=SERIOUS, beyond=NEAR, limit=st.sampled_from(["window", "window", "end"]), off=JUST)
    def compete_in_time(self, name: str, beyond: Aim, limit: str, off: int) -> None:
        """Bid exactly at a time that decides about the outcome."""
        auction = self._open_auctions()[0]
        self._go_to(auction, limit, off)
        most = max(auction.minimum, self._cents(auction, beyond) or 0)
        self.harness.bid(name, auction.id, auction.minimum, most, None)

    @precondition(lambda self: any(len(auction.maxima) > 1 for auction in self._open_auctions()))
    @rule(places=st.sampled_from([(0,), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]))
    def withdraw(self, places: tuple[int, ...]) -> None:
        """Withdraw the bids of the leader or of rivals."""
        for auction in self._open_auctions():
            if len(auction.maxima) > 1:
                ranking = sorted(auction.maxima, key=lambda who: -auction.maxima[who].cents)
                gone = [who for place, who in enumerate(ranking) if place in places]
                self.harness.withdraw(gone, auction.id)

    @precondition(lambda self: any(len(auction.bids) > 1 for auction in self._open_auctions()))
    @rule(
        where=EITHER,
        before=st.sampled_from([0, 20, 150, 640, 1_000]).map(lambda s: timedelta(seconds=s)),
        outage=st.sampled_from([None, *OUTAGES]),
        off=st.integers(0, 1),
    )
    def end(self, where: int, before: timedelta, outage: timedelta | None, off: int) -> None:
        """Let an auction end, perhaps with an outage near its end, and close what is due."""
        end_at = self._open_auctions()[-where].end_at
        self.harness.live(max(self.world.now, end_at - before))
        if outage is not None:
            self._break_down(outage)
        self.harness.live(max(self.world.now, end_at - off * MICROSECOND))
        self.harness.end_expired_auctions()

    @rule(name=SERIOUS, where=ANYWHERE, limit=TIMES, what=st.sampled_from(MEANWHILE))
    def meanwhile(self, name: str, where: int, limit: tuple[str, int], what: str) -> None:
        """Do a step that is no bid.

        All of them are one rule, so that most steps are bids.
        """
        auction_id = self._auction_id(where)
        auction = self.harness.market.auctions.get(auction_id)
        match what:
            case "time":
                self._go_to(auction, *limit)
                self.harness.count("moved the clock")
            case "live":
                self.harness.live(max(self.world.now, self._time_at(auction, *limit)))
                self.harness.count("lived")
            case "outage":
                self._break_down(OUTAGES[where])
                self.harness.count("broke down")
            case "beat":
                self.harness.beat()
                self.harness.count("beat")
            case "activate":
                self.harness.activate_due_auctions()
            case "close":
                self.harness.end_expired_auctions()
            case "close one" | "force":
                self.harness.end_auction(auction_id, is_forced=what == "force" and where == 1)
            case _:
                self._change_people(name, where, what)

    def _change_people(self, name: str, where: int, what: str) -> None:
        match what:
            case "look":
                self.harness.look(name, self.auction_ids[where % 2])
            case "withdraw all":
                people = [self.harness.people[other].id for other in SERIOUS_NAMES]
                self.harness.withdraw(people[where:], self._auction_id(where))
            case "delete" | "restore":
                self.harness.delete(name, is_deleted=what == "delete")
            case "suspend the seller" | "lift the seller":
                self.harness.suspend("seller", is_suspended=what == "suspend the seller")
            case _:
                self.harness.suspend(name, is_suspended=what == "suspend")

    def _bid(self, name: str, auction_id: UUID, cents: Aim, maximum: Aim, key: UUID | None) -> None:
        auction = self.harness.market.auctions.get(auction_id)
        amount, most = self._cents(auction, cents), self._cents(auction, maximum)
        self.harness.bid(name, auction_id, amount, most, key)

    def _go_to(self, auction: Auction | None, limit: str, microseconds: int) -> None:
        """Move the clock forward, perhaps to a limit of an auction."""
        self.world.set_time(max(self.world.now, self._time_at(auction, limit, microseconds)))

    def _time_at(self, auction: Auction | None, limit: str, microseconds: int) -> datetime:
        base = self.world.now
        if auction is not None:
            base = {
                "now": base,
                "start": auction.start_at,
                "window": auction.end_at - auction.soft_close.window,
                "end": auction.end_at,
            }[limit]
        return base + microseconds * MICROSECOND

    def _break_down(self, outage: timedelta) -> None:
        """Let time pass without a heartbeat between two."""
        self.harness.beat()
        self.world.set_time(self.world.now + outage)
        self.harness.beat()

    def _auction_id(self, where: int) -> UUID:
        past = [*self.harness.market.auctions][:-2] or self.auction_ids
        return [*self.auction_ids, past[-1], NOWHERE][where]

    def _is_any_to_come(self) -> bool:
        auctions = (self.harness.market.auctions[auction_id] for auction_id in self.auction_ids)
        return any(
            a.status in ("live", "scheduled") and self.world.now < a.end_at for a in auctions
        )

    def _open_auctions(self) -> list[Auction]:
        auctions = (self.harness.market.auctions[auction_id] for auction_id in self.auction_ids)
        return [a for a in auctions if a.status == "live" and self.world.now < a.end_at]

    @staticmethod
    def _cents(auction: Auction | None, aim: Aim) -> int | None:
        """Return the amount of an aim in the present state of an auction."""
        if not isinstance(aim, tuple):
            return aim
        if auction is None:
            return 1_000
        highest = max((held.cents for held in auction.maxima.values()), default=auction.minimum)
        return (
            aim[1]
            + {
                "minimum": auction.minimum,
                "step": auction.minimum + step(auction.minimum),
                "leader": highest,
                "reserve": auction.reserve_cents or highest + step(highest),
                "price": auction.price,
            }[aim[0]]
        )

    def _new_key(self, name: str, auction_id: UUID) -> UUID:
        key = uuid5(NOWHERE, str(len(self.keys)))
        self.keys.append((name, key, auction_id))
        return key
