"""Bidders bid through the gateway, bid again when they are outbid, and keep their receipts."""

import asyncio
import contextlib
import dataclasses
import random
import time
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

from tests.proof.chaos.market import Lot, Market, Person
from tests.proof.chaos.plan import Bidder
from tests.proof.chaos.web import Web


#: A bidder waits this long for a rival before the next look.
_WATCH_S = 1.5
_BUSY_S = 0.2
#: After an outage an auction may go on, so a bidder who was late tries again.
_LATE_S, _LATE_TRIES = 2.0, 3
#: The time after the end at which a bidder repeats a bid whose receipt was lost.
_REPEAT_S = 6.0
#: Refusals that bidders must expect. Any other is a fault.
EXPECTED_REFUSALS = frozenset(
    {"BID_TOO_LOW", "AUCTION_BUSY", "AUCTION_ENDED", "AUCTION_NOT_LIVE", "MAX_NOT_HIGHER"}
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredBid:
    """A receipt that a bidder got, with the bid that it is for."""

    auction_id: UUID
    bidder_id: UUID
    client_bid_id: UUID
    amount_cents: int
    max_cents: int
    receipt: dict[str, Any]


class Bidding:
    """All bidders of the run, and all receipts that they hold."""

    def __init__(self, market: Market, web: Web, rng: random.Random) -> None:
        self.answered: list[AnsweredBid] = []
        #: Receipts of bids that were sent once more, each with its first answer.
        self.repeated: list[tuple[AnsweredBid, dict[str, Any]]] = []
        self.refusals: Counter[str] = Counter()
        self._market = market
        self._web = web
        self._dice = rng

    async def bid_on(self, lot: Lot) -> None:
        """Let every planned bidder bid until the auction is over for all of them."""
        await asyncio.gather(*(self._bid(lot, bidder) for bidder in lot.plan.bidders))

    async def _bid(self, lot: Lot, bidder: Bidder) -> None:
        user = self._market.users[bidder.user]
        await asyncio.sleep(lot.ends_at - bidder.before_end_s - time.monotonic())
        for _ in range(bidder.tries + 1):
            # Rivals who bid at once may send the same amount.
            amount = min(lot.minimum_cents + self._dice.choice((0, 0, 1, 37)), bidder.value_cents)
            if amount < lot.minimum_cents:
                break
            maximum = bidder.value_cents if bidder.has_proxy else amount
            answered = await self._place(lot, user, amount, maximum)
            if answered is None and lot.is_over:
                break
            if answered is not None and bidder.raises and answered.receipt["is_leading"]:
                await self._place(lot, user, amount, bidder.value_cents + 1 + answered.max_cents)
            if not await self._is_outbid(lot, user):
                break
        if bidder.repeats:
            await self._repeat(lot, user)

    async def _is_outbid(self, lot: Lot, user: Person) -> bool:
        """Wait until a rival leads; return false if no rival does within the time limit."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WATCH_S):
                while lot.leader == user.id:
                    lot.changed.clear()
                    await lot.changed.wait()
        await asyncio.sleep(self._dice.uniform(0.02, 0.6))
        return lot.leader != user.id and not lot.is_over

    async def _place(self, lot: Lot, user: Person, amount: int, maximum: int) -> AnsweredBid | None:
        """Place one bid under one key; return None if it is refused."""
        key, late_count = uuid4(), 0
        while True:
            answer = await self._send(user, lot.id, amount, maximum, key)
            if answer["success"]:
                break
            self.refusals[answer["code"]] += 1
            if answer["code"] == "AUCTION_BUSY" or _is_early(lot, answer["code"]):
                await asyncio.sleep(_BUSY_S)
                continue
            if answer["code"] == "AUCTION_ENDED" and late_count < _LATE_TRIES:
                late_count += 1
                await asyncio.sleep(_LATE_S)
                continue
            lot.is_over = lot.is_over or answer["code"].startswith("AUCTION_")
            lot.minimum_cents = max(lot.minimum_cents, answer.get("minimum_bid_cents", 0))
            return None
        answered = AnsweredBid(
            auction_id=lot.id,
            bidder_id=user.id,
            client_bid_id=key,
            amount_cents=amount,
            max_cents=maximum,
            receipt=answer,
        )
        self.answered.append(answered)
        _note(lot, answered)
        return answered

    async def _repeat(self, lot: Lot, user: Person) -> None:
        """Send an accepted bid once more, long after the end."""
        await asyncio.sleep(max(0.0, lot.ends_at - time.monotonic()) + _REPEAT_S)
        own = [g for g in self.answered if (g.auction_id, g.bidder_id) == (lot.id, user.id)]
        for answered in own[:1]:
            answer = await self._send(
                user, lot.id, answered.amount_cents, answered.max_cents, answered.client_bid_id
            )
            self.repeated.append((answered, answer))

    async def _send(
        self, user: Person, auction_id: UUID, amount: int, maximum: int, key: UUID
    ) -> dict[str, Any]:
        answer: dict[str, Any] = await self._web.call(
            user.token,
            "place_bid",
            auction_id=str(auction_id),
            amount_cents=amount,
            max_proxy_cents=maximum,
            client_bid_id=str(key),
        )
        return answer


def _is_early(lot: Lot, code: str) -> bool:
    """Return true if the auction should be live and is not activated yet."""
    return code == "AUCTION_NOT_LIVE" and time.monotonic() < lot.ends_at


def _note(lot: Lot, answered: AnsweredBid) -> None:
    """Show a receipt's outcome to all bidders, as Realtime shows the auction's row."""
    receipt = answered.receipt
    if receipt["version"] < lot.version:
        return
    lot.version = receipt["version"]
    lot.minimum_cents = receipt["min_next_bid_cents"]
    if receipt["is_leading"]:
        lot.leader = answered.bidder_id
    elif receipt["previous_bidder_id"]:
        lot.leader = UUID(receipt["previous_bidder_id"])
    lot.changed.set()
