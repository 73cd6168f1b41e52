"""Actions of buyers, sellers, banks and staff on an order of the soak, at Stripe and with us."""

import dataclasses
from collections.abc import Callable, Sequence

import stripe

from tests.integration.service.shop import AMOUNT, Order, Shop
from tests.sql.actors import Actor


@dataclasses.dataclass(slots=True)
class ScenarioRun:
    """One order, and its people."""

    shop: Shop
    order: Order
    seller: Actor
    buyer: Actor
    staff: Actor
    scenario: "Scenario"
    #: The intent that settles the order, once a step has paid it.
    settling: str | None = None
    is_released: bool = False
    disputes: list[str] = dataclasses.field(default_factory=list)
    refunds: list[str] = dataclasses.field(default_factory=list)

    def act(self, user: Actor, action: str) -> None:
        """Let a party take an action, which must succeed."""
        answer = self.shop.service.call(
            "act_on_order", order_id=self.order.id, user_id=user.id, action=action
        )
        assert answer["success"], (self.scenario.name, action, answer)

    def refund(self, cents: int) -> None:
        """Refund in Stripe's dashboard."""
        made = self.shop.stripe.v1.refunds.create(
            {"payment_intent": self.order.intent_id, "amount": cents}
        )
        self.refunds.append(made.id)

    def dispute(self, **body: object) -> None:
        """Let the buyer's bank dispute the payment."""
        self.disputes.append(self.shop.disputed(self.order, **body))


Step = Callable[[ScenarioRun], None]


def pay(run: ScenarioRun) -> None:
    """Pay the intent that the order has."""
    run.shop.pay(run.order)
    run.settling = run.order.intent_id


def pay_by_a_card_whose_refunds_wait(run: ScenarioRun) -> None:
    """Pay by a card whose refunds stay pending."""
    run.shop.pay(run.order, "pm_card_pendingRefund")
    run.settling = run.order.intent_id


def decline(run: ScenarioRun) -> None:
    """Try a card that is declined."""
    try:
        run.shop.pay(run.order, "pm_card_visa_chargeDeclined")
    except stripe.CardError:
        return
    raise AssertionError(run.scenario.name)


def pay_another_intent(run: ScenarioRun) -> None:
    """Pay by an intent that the order does not know."""
    other = run.shop.intent(metadata=run.order.metadata)
    run.shop.stripe.v1.payment_intents.confirm(other.id, {"payment_method": "pm_card_visa"})


def pay_after_cancelling(run: ScenarioRun) -> None:
    """Pay, and let the seller cancel before the event arrives."""
    run.shop.pay(run.order)
    run.act(run.seller, "cancel")


def cancel_at_stripe(run: ScenarioRun) -> None:
    """Cancel the intent."""
    run.shop.stripe.v1.payment_intents.cancel(run.order.intent_id)


def pay_too_much(run: ScenarioRun) -> None:
    """Pay an intent whose amount is not the order's."""
    run.shop.stripe.v1.payment_intents.update(run.order.intent_id, {"amount": AMOUNT + 1})
    run.shop.pay(run.order)


def hand_over(run: ScenarioRun) -> None:
    """Send the thing and receive it."""
    run.act(run.seller, "mark_ready")
    run.act(run.seller, "mark_shipped")
    run.act(run.buyer, "confirm_delivery")


def release(run: ScenarioRun) -> None:
    """Hand over, and release the money to the seller."""
    hand_over(run)
    run.act(run.buyer, "release_funds")
    run.is_released = True


def refund_all(run: ScenarioRun) -> None:
    """Refund everything in Stripe's dashboard."""
    run.refund(AMOUNT)


def refund_part(run: ScenarioRun) -> None:
    """Refund a part in Stripe's dashboard."""
    run.refund(3_000)


def ask_for_all(run: ScenarioRun) -> None:
    """Let the seller refund everything."""
    run.act(run.seller, "refund")


def cancel(run: ScenarioRun) -> None:
    """Let the buyer cancel what is paid."""
    run.act(run.buyer, "cancel")


def ask_staff_for_part(run: ScenarioRun) -> None:
    """Let staff refund a part."""
    run.shop.request_refund(run.order, 3_333, run.staff)


def settle_refunds(run: ScenarioRun) -> None:
    """Let pending refunds succeed."""
    for refund in run.shop.stripe.v1.refunds.list({"payment_intent": run.order.intent_id}).data:
        if refund.status == "pending":
            run.shop.command("POST", f"/refunds/{refund.id}/settle", status="succeeded")


def fail_refunds(run: ScenarioRun) -> None:
    """Let refunds fail at the bank."""
    for refund_id in run.refunds:
        run.shop.command("POST", f"/refunds/{refund_id}/settle", status="failed")


def dispute(run: ScenarioRun) -> None:
    """Dispute everything."""
    run.dispute()


def dispute_part(run: ScenarioRun) -> None:
    """Dispute a part."""
    run.dispute(amount=4_000)


def inquire(run: ScenarioRun) -> None:
    """Let the bank open an inquiry."""
    run.dispute(status="warning_needs_response")


def escalate(run: ScenarioRun) -> None:
    """Turn the inquiry into a dispute."""
    run.shop.command("POST", f"/disputes/{run.disputes[-1]}/escalate")


def _close(status: str) -> Step:
    def close(run: ScenarioRun) -> None:
        run.shop.command("POST", f"/disputes/{run.disputes[-1]}/close", status=status)

    return close


win, lose, drop = _close("won"), _close("lost"), _close("warning_closed")


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """The steps of a run, wave by wave, and the state in which its order ends.

    All events of a wave have their effect before the next wave begins, because a party can act only
    on a state that we know.
    """

    name: str
    state: str
    waves: Sequence[Sequence[Step]]
    #: The seller of the order finishes onboarding only in the last wave.
    is_seller_late: bool = False


SCENARIOS = (
    Scenario("paid", "paid", [[pay]]),
    Scenario("declined, then paid", "paid", [[decline, pay]]),
    Scenario("paid twice", "paid", [[pay, pay_another_intent]]),
    Scenario("paid too much", "pending_payment", [[pay_too_much]]),
    Scenario(
        "canceled intent, stray paid", "pending_payment", [[cancel_at_stripe, pay_another_intent]]
    ),
    Scenario("cancelled while paying", "cancelled", [[pay_after_cancelling]]),
    Scenario("refunded outside", "refunded", [[pay, refund_all]]),
    Scenario("refunded in part", "paid", [[pay, refund_part]]),
    Scenario("refund came back", "paid", [[pay, refund_part, fail_refunds]]),
    Scenario("refunded by the seller", "refunded", [[pay], [ask_for_all]]),
    Scenario(
        "refund succeeded later",
        "refunded",
        [[pay_by_a_card_whose_refunds_wait], [ask_for_all], [settle_refunds]],
    ),
    Scenario("cancelled by the buyer", "cancelled", [[pay], [cancel]]),
    Scenario("disputed", "disputed", [[pay, dispute]]),
    Scenario("dispute won at once", "paid", [[pay, dispute, win]]),
    Scenario("dispute won", "delivered", [[pay], [hand_over, dispute], [win]]),
    Scenario("dispute lost", "refunded", [[pay, dispute], [lose]]),
    Scenario("inquiry closed", "paid", [[pay, inquire, drop]]),
    Scenario("inquiry escalated and lost", "refunded", [[pay, inquire], [escalate, lose]]),
    Scenario("part refunded, rest lost", "refunded", [[pay, refund_part, dispute, lose]]),
    Scenario("part lost", "paid", [[pay, dispute_part, lose]]),
    Scenario("released", "released", [[pay], [release]]),
    Scenario("released to a late seller", "released", [[pay], [release]], is_seller_late=True),
    Scenario("released, part refunded", "released", [[pay], [release], [ask_staff_for_part]]),
    Scenario("released, part refunded outside", "released", [[pay], [release], [refund_part]]),
    Scenario("released, refunded", "refunded", [[pay], [release], [refund_all]]),
    Scenario("released, dispute won", "released", [[pay], [release], [dispute, win]]),
    Scenario("released, dispute lost", "refunded", [[pay], [release], [dispute, lose]]),
    Scenario("released, part lost", "released", [[pay], [release], [dispute_part], [lose]]),
    Scenario(
        "released, refunded and lost",
        "refunded",
        [[pay, refund_part], [release], [dispute], [lose]],
    ),
)
WAVES = max(len(scenario.waves) for scenario in SCENARIOS)
