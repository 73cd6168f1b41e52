"""Winners pay, and parties hand over: through our service, and at Stripe as a browser does."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, LiteralString
from uuid import UUID

from tests.proof.chaos.market import Lot, Market, Person
from tests.proof.chaos.plan import Ending
from tests.proof.chaos.web import Web


_LOOK_S = 0.5
_SLOWEST_LOOK_S = 4.0
_NEW_ORDERS: LiteralString = """
  select id, auction_id, buyer_id, amount_cents, created_at from public.orders
  where created_at > (%s::timestamptz - interval '1 minute')
"""
#: The state in which each ending leaves an order.
STATES = {
    Ending.UNPAID: "pending_payment",
    Ending.CANCELLED: "cancelled",
    Ending.REFUNDED: "refunded",
    Ending.RELEASED: "released",
}
_CARD, _BAD_CARD = "pm_card_visa", "pm_card_visa_chargeDeclined"


def state_of(ending: Ending) -> str:
    """Return the state in which an ending leaves an order."""
    return STATES.get(ending, "paid")


class Buying:
    """All winners and sellers of the run."""

    def __init__(self, market: Market, web: Web) -> None:
        self.is_closed = False
        self.done_count = 0
        #: The number of unexpected answers of each kind.
        self.unexpected: Counter[str] = Counter()
        self._market = market
        self._web = web
        self._tokens = {person.id: person for person in (*market.users, *market.sellers)}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    @property
    def open_count(self) -> int:
        """Return the number of orders whose parties are not done."""
        return len(self._tasks) - self.done_count

    async def watch(self) -> None:
        """Let the parties of each new order act, until `is_closed` is set and all are done."""
        newest = datetime.fromtimestamp(0, UTC)
        is_last = False
        while not (is_last and self.open_count == 0):
            # A look that begins now sees the orders of all closes before `is_closed` was set.
            is_last = self.is_closed
            # A transaction that began earlier may commit later than those that were seen.
            for row in await self._market.read(_NEW_ORDERS, newest):
                newest = max(newest, row["created_at"])
                if row["id"] not in self._tasks:
                    lot = self._market.lots[row["auction_id"]]
                    self._tasks[row["id"]] = asyncio.create_task(self._trade(lot, row))
            await asyncio.sleep(_LOOK_S)
        await asyncio.gather(*self._tasks.values())

    async def _trade(self, lot: Lot, row: dict[str, Any]) -> None:
        deal = _Deal(self._web, self._tokens[row["buyer_id"]], lot.seller, row, self.unexpected)
        try:
            await deal.go(lot.plan.ending)
        finally:
            self.done_count += 1


class _Deal:
    """One order, and its two parties."""

    def __init__(
        self,
        web: Web,
        buyer: Person,
        seller: Person,
        row: dict[str, Any],
        unexpected: Counter[str],
    ) -> None:
        self._web = web
        self._buyer = buyer
        self._seller = seller
        self._order_id = str(row["id"])
        self._amount = row["amount_cents"]
        self._unexpected = unexpected

    async def go(self, ending: Ending) -> None:
        """Take the order to its planned ending."""
        if ending is Ending.UNPAID:
            return
        await self._pay(ending)
        await self._reach("paid")
        if ending is Ending.RELEASED:
            await self._act(self._seller, "mark_ready")
            await self._act(self._seller, "mark_shipped")
            await self._act(self._buyer, "confirm_delivery")
            await self._act(self._buyer, "release_funds")
        elif ending is Ending.CANCELLED:
            await self._act(self._buyer, "cancel")
        elif ending is Ending.REFUNDED:
            await self._act(self._seller, "refund")
        await self._reach(state_of(ending))

    async def _pay(self, ending: Ending) -> None:
        secret, *others = await asyncio.gather(
            *(self._intent() for _ in range(2 if ending is Ending.REQUESTED_TWICE else 1))
        )
        if any(other != secret for other in others):
            self._unexpected["two intents for one order"] += 1
        intent_id = secret.split("_secret_")[0]
        if ending is Ending.DECLINED_FIRST:
            await self._confirm_at_stripe(intent_id, secret, _BAD_CARD)
        while await self._confirm_at_stripe(intent_id, secret, _CARD) != "succeeded":  # noqa: ASYNC110 - Stripe may fail
            await asyncio.sleep(_LOOK_S)
        if ending is Ending.CONFIRMED:
            await self._must(
                self._buyer,
                "/api/payments/confirm",
                {"orderId": self._order_id, "paymentIntentId": intent_id},
            )

    async def _intent(self) -> str:
        body = {"orderId": self._order_id, "amount": self._amount}
        answer = await self._must(self._buyer, "/api/payments/create-intent", body)
        return str(answer["clientSecret"])

    async def _confirm_at_stripe(self, intent_id: str, secret: str, card: str) -> str:
        """Confirm the intent; return its status, which another call may have set."""
        path = f"payment_intents/{intent_id}"
        answer = await self._web.at_stripe(
            "POST", f"{path}/confirm", client_secret=secret, payment_method=card
        )
        if answer.status != HTTPStatus.OK:
            answer = await self._web.at_stripe("GET", path, client_secret=secret)
        return str(answer.body["status"])

    async def _act(self, party: Person, action: str) -> None:
        await self._must(party, f"/api/orders/{self._order_id}", {"action": action})

    async def _must(self, party: Person, path: str, body: object) -> Any:
        """Post until our service has done it; a conflict passes, any other refusal is a fault."""
        while True:
            answer = await self._web.ask(party.token, "POST", path, body)
            if answer.status == HTTPStatus.OK:
                return answer.body
            if answer.status != HTTPStatus.CONFLICT:
                code = answer.body.get("code")
                self._unexpected[f"{path.replace(self._order_id, '…')}: {code}"] += 1
            await asyncio.sleep(_LOOK_S)

    async def _reach(self, state: str) -> None:
        """Look at the order until it is in this state."""
        wait_s, began = _LOOK_S, time.monotonic()
        while await self._state() != state:
            await asyncio.sleep(wait_s)
            wait_s = min(_SLOWEST_LOOK_S, max(_LOOK_S, (time.monotonic() - began) / 3))

    async def _state(self) -> str:
        path = f"/api/orders/{self._order_id}"
        answer = await self._web.ask(self._buyer.token, "GET", path)
        if answer.status != HTTPStatus.OK:
            self._unexpected[f"GET /api/orders/…: {answer.body.get('code')}"] += 1
            return ""
        return str(answer.body["state"])
