"""Two people who trade, and the calls of their browsers about an order."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import httpx
from psycopg.types.json import Jsonb
from realtime import AsyncRealtimeClient

from tests.integration.service.browser import Browser
from tests.integration.service.shop import Order, Shop
from tests.support.listening import Heard, joined
from tests.support.waits import ANSWER_S


HOME = {"street": "9 Elm Street", "suburb": "Newtown", "postcode": "2042", "state": "NSW"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """The seller and the buyer of this module's orders, and a user who is no party."""

    shop: Shop
    seller: Browser
    buyer: Browser
    another: Browser

    def sold(self) -> Order:
        """Sell something that the buyer has still to pay for."""
        return self.shop.awaiting(buyer=self.buyer.actor, seller=self.seller.actor)

    def paid(self) -> Order:
        """Sell something that the buyer, who lives at `HOME`, has paid for."""
        self.shop.db.execute(
            "update public.users set address = %s where id = %s",
            [Jsonb(HOME), self.buyer.actor.id],
        )
        return self.shop.paid(self.buyer.actor, self.seller.actor)

    def act(self, person: Browser, order: Order, action: str) -> httpx.Response:
        """Let a person take an action on the page of the order."""
        return person.post(f"/api/orders/{order.id}", {"action": action})

    def moved(self, order: Order, *actions: str) -> None:
        """Let the parties take these actions, each of which must succeed."""
        for action in actions:
            is_buyers = action in {"confirm_delivery", "release_funds"}
            answer = self.act(self.buyer if is_buyers else self.seller, order, action)
            assert answer.status_code == 200, answer.text

    def notices(self, person: Browser, order: Order) -> set[str]:
        """Return the types of a person's notifications about an order."""
        query = """
          select type from public.notifications
          where user_id = %s and metadata ->> 'order_id' = %s and metadata ->> 'orderId' = %s
        """
        return {
            str(type_)
            for (type_,) in self.shop.db.execute(query, [person.actor.id, order.id, order.id])
        }

    @contextlib.asynccontextmanager
    async def watching(self, person: Browser, order: Order) -> AsyncIterator[Heard]:
        """Join the channel of the order's page, as a signed-in person."""
        environment = self.shop.environment
        client = AsyncRealtimeClient(
            f"{environment['SUPABASE_URL'].replace('http', 'ws', 1)}/realtime/v1",
            environment["SUPABASE_PUBLISHABLE_KEY"],
            timeout=ANSWER_S,
        )
        try:
            await client.set_auth(person.session["access_token"])
            await client.connect()
            binding = {"event": "UPDATE", "table": "orders", "filter": f"id=eq.{order.id}"}
            yield await joined(client, f"order-{order.id}", binding)
        finally:
            await client.close()

    async def change_to(self, page: Heard, state: str) -> dict[str, Any]:
        """Wait for the change that shows the order in a state; jobs may change other columns."""
        while (change := await page.change())["record"]["state"] != state:
            pass
        return change
