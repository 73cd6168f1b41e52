"""The plan of a run: its auctions, bids, buyers and faults. Only the seed decides about it."""

import dataclasses
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any


#: A run of this many auctions has all kinds of faults, long ones too.
LONG_RUN = 2_000
#: Auctions are listed this long before their wave ends. Half of them start later than the others.
LIVE_S, SECOND_START_S = 15.0, 4.0
#: The ends of one wave lie within this time.
WAVE_S = 1.0
#: At this rate two processor cores serve bids, closes and payments with time to spare.
CLOSES_PER_S = 12.0
#: Faults go on for this time after the last wave, while winners pay.
AFTER_S = 10.0


class Ending(StrEnum):
    """The state in which a sale leaves its order."""

    UNPAID = "unpaid"
    PAID = "paid"
    DECLINED_FIRST = "declined_first"
    REQUESTED_TWICE = "requested_twice"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    RELEASED = "released"


#: An order that is paid costs many requests, so enough are left unpaid for the market to keep up.
_ENDINGS = {
    Ending.UNPAID: 55,
    Ending.PAID: 15,
    Ending.DECLINED_FIRST: 10,
    Ending.REQUESTED_TWICE: 10,
    Ending.CONFIRMED: 10,
    Ending.CANCELLED: 5,
    Ending.REFUNDED: 5,
    Ending.RELEASED: 30,
}
#: Under all faults of a long run two cores take about four orders a second through their payment.
_UNPAID_IN_LONG_RUN = 200


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bidder:
    """A user who wants a thing: the first bid, and the most that the user pays.

    `before_end_s` is negative for a bid after the planned end. A bidder who is outbid bids again up
    to `tries` times. With `has_proxy` the first bid names the user's value as its maximum. With
    `raises` the user raises the own maximum while leading.
    """

    user: int
    before_end_s: float
    value_cents: int
    tries: int
    has_proxy: bool
    raises: bool
    repeats: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Auction:
    """An auction, its bidders, and the ending of its order."""

    number: int
    wave: int
    seller: int
    start_cents: int
    reserve_cents: int | None
    starts_late: bool
    end_s: float
    bidders: tuple[Bidder, ...]
    ending: Ending


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """A fault that begins `after_s` after the one before it ended, and lasts for `hold_s`."""

    name: str
    after_s: float
    hold_s: float
    times: int


#: For each lane the names of its faults, with the longest time that each lasts. The faults of a
#: lane follow one another; lanes are independent.
LANES: Mapping[str, Mapping[str, float]] = {
    "processes": {
        "kill fleet 1": 0.0,
        "kill fleet 2": 0.0,
        "kill both fleets": 0.0,
        "kill gunicorn": 0.0,
        "kill a gunicorn worker": 0.0,
        "restart Postgres": 0.0,
    },
    "gateway": {
        "gateway answers 503": 3.0,
        "gateway is cut": 3.0,
        "gateway is away for long": 11.0,
        "gateway loses replies": 3.0,
        "gateway hangs": 4.0,
        "gateway is slow": 4.0,
        "Realtime is silent": 8.0,
        "Realtime is deaf": 8.0,
        "Realtime closes": 4.0,
    },
    "Stripe": {
        "Stripe answers 500 before the deed": 3.0,
        "Stripe answers 500 after the deed": 3.0,
        "Stripe answers 429": 3.0,
        "Stripe is cut": 3.0,
        "Stripe loses replies": 3.0,
        "Stripe is slow": 3.0,
        "webhooks are duplicated": 5.0,
        "webhooks are delayed": 5.0,
        "webhooks are reordered": 5.0,
    },
}
#: The least part of its longest time that a fault lasts, where it is not a third. In eight seconds
#: without a bid and a heartbeat the market records an outage.
_LEAST = {"gateway is away for long": 0.9}
#: The mean time between two faults of a lane. A long run has longer gaps, so that work gets done
#: between faults too; a short one has to meet all kinds of them.
_GAPS_S = {"processes": 4.5, "gateway": 2.0, "Stripe": 1.5}
_LONG_GAP = 2.5
#: Reconcile finds these webhooks, which takes more than the short form lasts.
_LONG_ONLY = {"webhooks are dropped": 5.0}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a seed decides."""

    seed: int
    auctions: Sequence[Auction]
    users: int
    sellers: int
    wave_count: int
    wave_gap_s: float
    faults: Mapping[str, Sequence[PlannedFault]]

    @property
    def lasts_s(self) -> float:
        """Return the planned time from the first auction to the last fault."""
        return self.wave_count * self.wave_gap_s + LIVE_S + WAVE_S + AFTER_S

    def as_json(self) -> dict[str, Any]:
        """Return the plan's outline and all of its faults."""
        endings = {
            ending.value: sum(a.ending == ending for a in self.auctions) for ending in Ending
        }
        return {
            "seed": self.seed,
            "auctions": len(self.auctions),
            "waves": self.wave_count,
            "wave_gap_s": round(self.wave_gap_s, 2),
            "bidders": self.users,
            "sellers": self.sellers,
            "first_bids": sum(len(a.bidders) for a in self.auctions),
            "endings_if_sold": endings,
            "faults": {
                lane: [dataclasses.asdict(planned) for planned in faults]
                for lane, faults in self.faults.items()
            },
        }


def make_plan(seed: int, auctions: int, *, has_faults: bool = True) -> Plan:
    """Draw the plan of a run."""
    rng = random.Random(seed)  # noqa: S311 - no secrets
    in_wave = max(25, min(250, auctions // 8))
    wave_count = -(-auctions // in_wave)
    endings = _ENDINGS | ({Ending.UNPAID: _UNPAID_IN_LONG_RUN} if auctions >= LONG_RUN else {})
    users, sellers = max(16, min(120, auctions // 8)), max(4, min(30, auctions // 40))
    plan = Plan(
        seed=seed,
        auctions=[
            _auction(rng, number, number // in_wave, users, sellers, endings)
            for number in range(auctions)
        ],
        users=users,
        sellers=sellers,
        wave_count=wave_count,
        wave_gap_s=in_wave / CLOSES_PER_S,
        faults={},
    )
    lanes = LANES if has_faults else {}
    faults = {
        lane: tuple(_faults(rng, lane, plan.lasts_s, is_long=auctions >= LONG_RUN))
        for lane in lanes
    }
    return dataclasses.replace(plan, faults=faults)


def _auction(
    rng: random.Random,
    number: int,
    wave: int,
    users: int,
    sellers: int,
    endings: Mapping[Ending, int],
) -> Auction:
    start_cents = rng.choice((100, 990, 1_000, 4_950, 20_000, 99_999))
    most = rng.choices((0, 1, 2, 3, 5, 14), (1, 2, 3, 3, 2, 0.4))[0]
    chosen = rng.sample(range(users), min(most, users))
    return Auction(
        number=number,
        wave=wave,
        seller=rng.randrange(sellers),
        start_cents=start_cents,
        reserve_cents=(
            round(start_cents * rng.uniform(1.1, 2.5)) + 1 if rng.random() < 0.35 else None
        ),
        starts_late=rng.random() < 0.5,
        end_s=rng.uniform(0, WAVE_S),
        bidders=tuple(_bidder(rng, user, start_cents) for user in chosen),
        ending=rng.choices(list(endings), list(endings.values()))[0],
    )


def _bidder(rng: random.Random, user: int, start_cents: int) -> Bidder:
    is_late = rng.random() < 0.5
    return Bidder(
        user=user,
        before_end_s=rng.uniform(-0.3, 2.5)
        if is_late
        else rng.uniform(2.5, LIVE_S - SECOND_START_S - 1.0),
        value_cents=round(start_cents * rng.uniform(1.0, 3.5)),
        tries=rng.choice((0, 1, 2, 4)),
        has_proxy=rng.random() < 0.5,
        raises=rng.random() < 0.2,
        repeats=rng.random() < 0.1,
    )


def _faults(
    rng: random.Random, lane: str, lasts_s: float, *, is_long: bool
) -> Iterator[PlannedFault]:
    """Draw the faults of a lane; each kind comes once before any comes again."""
    kinds = dict(LANES[lane]) | (_LONG_ONLY if is_long and lane == "Stripe" else {})
    at_s, gap_s = 0.0, _GAPS_S[lane] * (_LONG_GAP if is_long else 1.0)
    for name in itertools.chain.from_iterable(
        rng.sample(sorted(kinds), len(kinds)) for _ in itertools.count()
    ):
        planned = PlannedFault(
            name=name,
            after_s=round(rng.uniform(0.5, 1.5) * gap_s, 2),
            hold_s=round(kinds[name] * rng.uniform(_LEAST.get(name, 0.3), 1.0), 2),
            times=rng.randint(3, 40),
        )
        at_s += planned.after_s + planned.hold_s
        if at_s > lasts_s:
            return
        yield planned
