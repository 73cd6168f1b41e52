"""The ends of the canary's orders: a refund in full, a sale that is paid out, and the clean-up."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.canary.marketplace import Marketplace
from tests.canary.payment import Payment, StripeAccount
from tests.canary.report import StepFailedError, StepSkippedError, require
from tests.canary.routes import Site
from tests.canary.settings import CanarySettings


#: An older open order was left by a run that could not clean up. A younger one may belong to
#: another run.
_LEFT_AFTER = timedelta(minutes=15)


class Orders:
    """The actions of both parties on their orders after the payment."""

    def __init__(
        self,
        settings: CanarySettings,
        site: Site,
        account: StripeAccount,
        marketplace: Marketplace,
    ) -> None:
        self._settings = settings
        self._site = site
        self._account = account
        self._marketplace = marketplace
        self._reached: dict[str, str] = {}

    def refund(self, payment: Payment) -> str:
        """Refund an order in full as its seller; require one refund at Stripe, and no drift."""
        if not payment.is_paid:
            raise StepSkippedError("the order is not paid")
        order = payment.order
        self._ask_for_refund(order["id"])
        self._marketplace.wait_for_state(order["id"], "refunded")
        refunds = self._account.refunds(payment.intent_id)
        require(
            refunds == [(order["amount_cents"], "succeeded")],
            expected=f"one refund of {order['amount_cents']} cents at Stripe",
            seen=refunds,
        )
        self._marketplace.check_books(order["id"])
        return f"{order['amount_cents']} cents, one refund at Stripe, no drift"

    def hand_over(self, payment: Payment) -> str:
        """Give the seller's pickup code to the buyer, who redeems it."""
        order_id = self._order_in(payment, "paid")
        path = f"/api/pickup/{order_id}"
        made = self._site.call("POST", path, self._marketplace.seller_token, {"action": "init"})
        body = {"action": "redeem", "code6": made["code6"]}
        done = self._site.call("POST", path, self._marketplace.buyer_token, body)
        require(done["state"] == "delivered", expected="state delivered", seen=done["state"])
        return self._reach(order_id, "delivered")

    def release(self, payment: Payment) -> str:
        """Release the money as the buyer."""
        order_id = self._order_in(payment, "delivered")
        done = self._act(order_id, self._marketplace.buyer_token, "release_funds")
        require(done["state"] == "released", expected="state released", seen=done["state"])
        return self._reach(order_id, "released")

    def check_seller_paid(self, payment: Payment) -> str:
        """Wait for the seller's payout; require one transfer at Stripe, and no drift."""
        order_id = self._order_in(payment, "released")
        order = payment.order
        due = order["amount_cents"] - order["platform_fee_cents"]

        def look() -> dict[str, Any] | None:
            answer = self._site.call("GET", "/api/payouts", self._marketplace.seller_token)
            paid = (one for one in answer["payouts"] if one["status"] == "paid")
            return next((one for one in paid if one["order_id"] == order_id), None)

        payout = self._settings.wait(look, expected=f"a payout of order {order_id} paid")
        transfers = self._account.transfers(order_id)
        require(
            [payout["amount_cents"]] == transfers == [due],
            expected=f"one transfer of {due} cents at Stripe",
            seen=f"a payout of {payout['amount_cents']} and transfers of {transfers} cents",
        )
        self._marketplace.check_books(order_id)
        return f"{due} cents, one transfer at Stripe, no drift"

    def clean_up(self) -> str:
        """End everything that this run or an interrupted one left open, and sign out.

        The seller ends orders, because a buyer who cancels one gets a strike.
        """
        self._marketplace.check_signed_in()
        texts = [f"listing {listing} cancelled" for listing in self._marketplace.cancel_unsold()]
        problems = []
        for order in self._left_open():
            try:
                texts.append(self._end(order))
            except StepFailedError as error:
                problems.append(str(error))
        self._marketplace.sign_out()
        require(not problems, expected="orders that end", seen="; ".join(problems))
        return ", ".join([*texts, "signed out"])

    def _left_open(self) -> list[dict[str, Any]]:
        own = {sale.order["id"] for sale in self._marketplace.sales if sale.order}
        youngest = datetime.now(UTC) - _LEFT_AFTER
        return [
            order
            for order in self._marketplace.open_orders()
            if order["id"] in own or datetime.fromisoformat(order["created_at"]) < youngest
        ]

    def _end(self, order: dict[str, Any]) -> str:
        order_id, state = order["id"], order["state"]
        if order["refund_pending"]:
            return f"order {order_id} waits for its refund"
        if state == "pending_payment":
            self._act(order_id, self._marketplace.seller_token, "cancel")
            return f"order {order_id} cancelled"
        if state == "delivered":
            self._act(order_id, self._marketplace.buyer_token, "release_funds")
            return f"order {order_id} released"
        if state == "disputed":
            return f"order {order_id} is disputed, and needs a person"
        self._ask_for_refund(order_id)
        return f"order {order_id} refunded"

    def _ask_for_refund(self, order_id: str) -> None:
        self._site.call(
            "POST", "/api/payments/refund", self._marketplace.seller_token, {"orderId": order_id}
        )

    def _act(self, order_id: str, token: str, action: str) -> dict[str, Any]:
        return self._site.call("POST", f"/api/orders/{order_id}", token, {"action": action})

    def _order_in(self, payment: Payment, state: str) -> str:
        """Return the order's id; skip the step if the order has not reached a state."""
        order_id: str = payment.order["id"]
        reached = self._reached.get(order_id)
        if reached is None and payment.is_paid:
            reached = "paid"
        if reached != state:
            raise StepSkippedError(f"the order is not {state}")
        return order_id

    def _reach(self, order_id: str, state: str) -> str:
        self._reached[order_id] = state
        return state
