"""Stripe answers with errors, late or not at all while the outbox sends money."""

import uuid

import pytest

from tests.faults.fleet import Fleet
from tests.faults.refunding import REFUND_EVENTS, check_one_refund, refund_row
from tests.integration.service.shop import AMOUNT, Order, Shop


pytestmark = pytest.mark.xdist_group("deliveries")


@pytest.mark.usefixtures("silent_stripe")
def test_lost_answer_sends_once(shop: Shop, order: Order, fleet: Fleet) -> None:
    """The worker repeats the call under the same key, and gets the lost answer."""
    shop.command("POST", "/faults", reset=True, when="after", method="POST", path="/v1/refunds")

    shop.request_refund(order)

    shop.wait_for(lambda: refund_row(shop, order)[1] == "done")
    assert 1 == shop.value(
        "select attempts from public.outbox where payload ->> 'order_id' = %s and kind = 'refund'",
        order.id,
    )
    assert fleet.process.poll() is None
    check_one_refund(shop, order)


@pytest.mark.usefixtures("silent_stripe")
@pytest.mark.parametrize("status", [429, 500, 503])
def test_error_after_the_deed_sends_once(
    shop: Shop, order: Order, fleet: Fleet, status: int
) -> None:
    """Stripe replays an error under its key, so the next try searches before it sends."""
    shop.command("POST", "/faults", status=status, when="after", method="POST", path="/v1/refunds")

    shop.request_refund(order)

    shop.wait_for(lambda: refund_row(shop, order)[1] == "done")
    assert fleet.process.poll() is None
    check_one_refund(shop, order)


@pytest.mark.usefixtures("silent_stripe")
@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_error_before_the_deed_sends_once(
    shop: Shop, order: Order, fleet: Fleet, status: int
) -> None:
    """A call that Stripe refuses for a short time succeeds when it is repeated."""
    shop.command("POST", "/faults", status=status, times=2, method="POST", path="/v1/refunds")

    shop.request_refund(order)

    shop.wait_for(lambda: refund_row(shop, order)[1] == "done")
    assert fleet.process.poll() is None
    check_one_refund(shop, order)


def test_event_that_overtakes_the_answer_settles_the_row(
    shop: Shop, order: Order, fleet: Fleet
) -> None:
    """Stripe reports the refund while the worker still waits for the answer to its call."""
    shop.command("PUT", "/delivery", mode="before_answer", event_types=REFUND_EVENTS)

    shop.request_refund(order)

    shop.wait_for(lambda: refund_row(shop, order)[1] == "done")
    shop.command("PUT", "/delivery", mode="normal")
    shop.wait_for(lambda: shop.state(order) == "refunded")
    assert fleet.process.poll() is None
    check_one_refund(shop, order)


def test_refund_that_stripe_refuses_is_given_up(shop: Shop, order: Order, fleet: Fleet) -> None:
    """A refused refund sends no money, and its amount can be refunded again."""
    shop.command("PUT", "/delivery", mode="drop", event_types=REFUND_EVENTS)
    shop.stripe.v1.refunds.create({"payment_intent": order.intent_id, "amount": AMOUNT - 500})

    shop.request_refund(order)

    shop.wait_for(lambda: refund_row(shop, order) == ("failed", "canceled"))
    shop.command("PUT", "/delivery", mode="normal")
    assert [AMOUNT - 500] == [refund["amount"] for refund in shop.refunds_of(order)]
    assert "paid" == shop.state(order)
    assert fleet.process.poll() is None
    shop.check_books()


def test_refund_that_fails_after_the_end_is_sent_again(
    shop: Shop, order: Order, fleet: Fleet
) -> None:
    """The buyer's bank returns the money of an ended order, and our own job refunds it again."""
    shop.request_refund(order)
    shop.wait_for(lambda: shop.state(order) == "refunded")
    [refund] = shop.refunds_of(order)
    shop.command("POST", f"/refunds/{refund['id']}/settle", status="failed")
    unreturned = "select payment_intent_id from public.unreturned_payments()"
    shop.wait_for(lambda: shop.service.rows(unreturned) == [(order.intent_id,)])
    assert [(order.id, "orders.state")] == shop.service.rows(
        "select order_id::text, account from public.ledger_drift()"
    )

    answer = shop.service.call(
        "refund_payment",
        payment_intent_id=order.intent_id,
        refund_reason="the bank returned it",
        user_id=None,
        client_request_id=uuid.uuid4(),
    )

    assert answer["success"], answer
    refunded = "select refunded_cents from public.orders where id = %s"
    shop.wait_for(lambda: shop.value(refunded, order.id) == AMOUNT)
    assert ["failed", "succeeded"] == sorted(one["status"] for one in shop.refunds_of(order))
    assert [] == shop.service.rows(unreturned)
    assert fleet.process.poll() is None
    shop.check_books()
