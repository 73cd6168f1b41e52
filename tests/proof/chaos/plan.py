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


class Fate(StrEnum):
    """The end of an order that a sale leaves."""

    UNPAID = "unpaid"
    PAID = "paid"
    DECLINED_FIRST = "declined_first"
    ASKED_TWICE = "asked_twice"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    RELEASED = "released"


#: An order that is paid costs many requests, so enough are left unpaid for the market to keep up.
_FATES = {
    Fate.UNPAID: 55,
    Fate.PAID: 15,
    Fate.DECLINED_FIRST: 10,
    Fate.ASKED_TWICE: 10,
    Fate.CONFIRMED: 10,
    Fate.CANCELLED: 5,
    Fate.REFUNDED: 5,
    Fate.RELEASED: 30,
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
    """An auction, its bidders, and the fate of its order."""

    number: int
    wave: int
    seller: int
    start_cents: int
    reserve_cents: int | None
    starts_late: bool
    end_s: float
    bidders: tuple[Bidder, ...]
    fate: Fate


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
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
#: The mean time between two faults of a lane. A long run has more peace, so that work gets done
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
    strikes: Mapping[str, Sequence[Strike]]

    @property
    def lasts_s(self) -> float:
        """Return the planned time from the first auction to the last fault."""
        return self.wave_count * self.wave_gap_s + LIVE_S + WAVE_S + AFTER_S

    def as_json(self) -> dict[str, Any]:
        """Return the plan's outline and all of its faults."""
        fates = {fate.value: sum(a.fate == fate for a in self.auctions) for fate in Fate}
        return {
            "seed": self.seed,
            "auctions": len(self.auctions),
            "waves": self.wave_count,
            "wave_gap_s": round(self.wave_gap_s, 2),
            "bidders": self.users,
            "sellers": self.sellers,
            "first_bids": sum(len(a.bidders) for a in self.auctions),
            "fates_if_sold": fates,
            "strikes": {
                lane: [dataclasses.asdict(strike) for strike in strikes]
                for lane, strikes in self.strikes.items()
            },
        }


def make_plan(seed: int, auctions: int, *, has_faults: bool = True) -> Plan:
    """Draw the plan of a run."""
    dice = random.Random(seed)  # noqa: S311 - no secrets
    in_wave = max(25, min(250, auctions // 8))
    wave_count = -(-auctions // in_wave)
    fates = _FATES | ({Fate.UNPAID: _UNPAID_IN_LONG_RUN} if auctions >= LONG_RUN else {})
    users, sellers = max(16, min(120, auctions // 8)), max(4, min(30, auctions // 40))
    plan = Plan(
        seed=seed,
        auctions=[
            _auction(dice, number, number // in_wave, users, sellers, fates)
            for number in range(auctions)
        ],
        users=users,
        sellers=sellers,
        wave_count=wave_count,
        wave_gap_s=in_wave / CLOSES_PER_S,
        strikes={},
    )
    lanes = LANES if has_faults else {}
    strikes = {
        lane: tuple(_strikes(dice, lane, plan.lasts_s, is_long=auctions >= LONG_RUN))
        for lane in lanes
    }
    return dataclasses.replace(plan, strikes=strikes)


def _auction(
    dice: random.Random,
    number: int,
    wave: int,
    users: int,
    sellers: int,
    fates: Mapping[Fate, int],
) -> Auction:
    start_cents = dice.choice((100, 990, 1_000, 4_950, 20_000, 99_999))
    most = dice.choices((0, 1, 2, 3, 5, 14), (1, 2, 3, 3, 2, 0.4))[0]
    chosen = dice.sample(range(users), min(most, users))
    return Auction(
        number=number,
        wave=wave,
        seller=dice.randrange(sellers),
        start_cents=start_cents,
        reserve_cents=(
            round(start_cents * dice.uniform(1.1, 2.5)) + 1 if dice.random() < 0.35 else None
        ),
        starts_late=dice.random() < 0.5,
        end_s=dice.uniform(0, WAVE_S),
        bidders=tuple(_bidder(dice, user, start_cents) for user in chosen),
        fate=dice.choices(list(fates), list(fates.values()))[0],
    )


def _bidder(dice: random.Random, user: int, start_cents: int) -> Bidder:
    is_late = dice.random() < 0.5
    return Bidder(
        user=user,
        before_end_s=dice.uniform(-0.3, 2.5)
        if is_late
        else dice.uniform(2.5, LIVE_S - SECOND_START_S - 1.0),
        value_cents=round(start_cents * dice.uniform(1.0, 3.5)),
        tries=dice.choice((0, 1, 2, 4)),
        has_proxy=dice.random() < 0.5,
        raises=dice.random() < 0.2,
        repeats=dice.random() < 0.1,
    )


def _strikes(dice: random.Random, lane: str, lasts_s: float, *, is_long: bool) -> Iterator[Strike]:
    """Draw the faults of a lane; each kind comes once before any comes again."""
    kinds = dict(LANES[lane]) | (_LONG_ONLY if is_long and lane == "Stripe" else {})
    at_s, gap_s = 0.0, _GAPS_S[lane] * (_LONG_GAP if is_long else 1.0)
    for name in itertools.chain.from_iterable(
        dice.sample(sorted(kinds), len(kinds)) for _ in itertools.count()
    ):
        strike = Strike(
            name=name,
            after_s=round(dice.uniform(0.5, 1.5) * gap_s, 2),
            hold_s=round(kinds[name] * dice.uniform(_LEAST.get(name, 0.3), 1.0), 2),
            times=dice.randint(3, 40),
        )
        at_s += strike.after_s + strike.hold_s
        if at_s > lasts_s:
            return
        yield strike
