"""Payments over HTTP: rights, terms, and repeated or parallel calls."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from devstack.supervisor.processes import wait_until
from tests.integration.service.browser import Browser, refusal_of
from tests.integration.service.shop import AMOUNT, Order, Shop
from tests.support.waits import ANSWER_S


pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.usefixtures("no_faults")]

CREATE, CONFIRM = "/api/payments/create-intent", "/api/payments/confirm"
SITE = {"Origin": "http://localhost:5173"}


@pytest.fixture
def order(shop: Shop, buyer: Browser) -> Order:
    """Sell an item to the buyer."""
    return shop.sold(buyer.actor)


def intent_body(order: Order, **changes: Any) -> dict[str, Any]:
    return {"orderId": order.id, "amount": AMOUNT, "currency": "aud"} | changes


def test_two_calls_at_once_get_one_intent(shop: Shop, buyer: Browser, order: Order) -> None:
    """Both get the same secret, and Stripe has one intent for the order (C7, case 8)."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: buyer.post(CREATE, intent_body(order)), range(4)))

    assert [200] * 4 == [answer.status_code for answer in answers]
    [body] = {tuple(sorted(answer.json().items())) for answer in answers}
    [intent] = shop.intents_of(order)
    assert dict(body) == {
        "clientSecret": intent["client_secret"],
        "paymentIntentId": intent["id"],
    }
    assert (AMOUNT, "aud", ["card"]) == (
        intent["amount"],
        intent["currency"],
        intent["payment_method_types"],
    )


def test_confirm_and_webhook_together_capture_once(
    shop: Shop, buyer: Browser, order: Order
) -> None:
    """Browser and Stripe report the payment at the same time; it is booked once (case 8)."""
    intent_id = buyer.post(CREATE, intent_body(order)).json()["paymentIntentId"]
    shop.command("PUT", "/delivery", mode="hold")
    shop.stripe.v1.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"})
    confirmation = {"orderId": order.id, "paymentIntentId": intent_id}

    with ThreadPoolExecutor(3) as pool:
        confirming = [pool.submit(buyer.post, CONFIRM, confirmation) for _ in range(2)]
        pool.submit(shop.command, "POST", "/deliveries/release").result()
        answers = [future.result() for future in confirming]
    shop.command("PUT", "/delivery", mode="normal")

    assert [200, 200] == [answer.status_code for answer in answers]
    assert ["paid", "paid"] == [answer.json()["orderState"] for answer in answers]
    [delivery] = shop.deliveries(object_id=intent_id, state="delivered")
    shop.wait_for(lambda: shop.is_settled(delivery["event_id"]))
    captures = shop.value(
        "select count(*) from public.ledger_entries where order_id = %s"
        " and entry_type = 'CAPTURE' and account = 'stripe_clearing'",
        order.id,
    )
    assert 1 == captures
    shop.check_books()


def test_unpaid_intent_is_not_confirmed(buyer: Browser, order: Order) -> None:
    """The service asks Stripe, and ignores what the browser says."""
    intent_id = buyer.post(CREATE, intent_body(order)).json()["paymentIntentId"]

    answer = buyer.post(CONFIRM, {"orderId": order.id, "paymentIntentId": intent_id})

    assert (400, "TRANSACTION_FAILED") == refusal_of(answer)
    assert ("Payment not completed", "requires_payment_method") == (
        answer.json()["error"],
        answer.json()["paymentStatus"],
    )


def test_intent_of_another_order_confirms_nothing(shop: Shop, buyer: Browser, order: Order) -> None:
    """One payment pays one order, whatever the browser and Stripe's event say."""
    other = shop.sold(buyer.actor)
    intent_id = buyer.post(CREATE, intent_body(other)).json()["paymentIntentId"]
    shop.stripe.v1.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"})

    answer = buyer.post(CONFIRM, {"orderId": order.id, "paymentIntentId": intent_id})

    assert (400, "VALIDATION_ERROR") == refusal_of(answer)
    assert "pending_payment" == shop.state(order)
    shop.wait_for(lambda: shop.state(other) == "paid")
    shop.check_books()


def test_unknown_intent_and_order_are_not_found(buyer: Browser, order: Order) -> None:
    """An unknown intent or order gets a 404 with its own code."""
    confirmation = {"orderId": order.id, "paymentIntentId": "pi_of_nobody"}

    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(buyer.post(CONFIRM, confirmation))
    unknown = intent_body(order, orderId=str(uuid.uuid4()))
    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(buyer.post(CREATE, unknown))


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": AMOUNT - 1},
        {"amount": AMOUNT + 1},
        {"currency": "usd"},
        {"amount": 99},
        {"amount": "all of it"},
        {"amount": None},
        {"amount": 10**30},
        {"orderId": "no uuid"},
        {"orderId": None},
        {"currency": ""},
    ],
)
def test_other_terms_than_the_orders_are_refused(
    shop: Shop, buyer: Browser, order: Order, changes: dict[str, Any]
) -> None:
    """The order decides the charge; a buyer who was shown another amount gets an error."""
    answer = buyer.post(CREATE, intent_body(order, **changes))

    assert (400, "VALIDATION_ERROR") == refusal_of(answer)
    assert [] == shop.intents_of(order)


def test_paid_order_takes_no_other_intent(shop: Shop, buyer: Browser, order: Order) -> None:
    """A paid order gets no second intent."""
    intent_id = buyer.post(CREATE, intent_body(order)).json()["paymentIntentId"]
    shop.stripe.v1.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"})
    shop.wait_for(lambda: shop.state(order) == "paid")

    answer = buyer.post(CREATE, intent_body(order))

    assert (400, "TRANSACTION_FAILED") == refusal_of(answer)
    assert 1 == len(shop.intents_of(order))


@pytest.mark.parametrize(
    "card", ["pm_card_visa_chargeDeclined", "pm_card_visa_chargeDeclinedInsufficientFunds"]
)
def test_declined_card_leaves_the_order_to_be_paid(
    shop: Shop, buyer: Browser, order: Order, card: str
) -> None:
    """The same intent may be tried again, and then pays (case 8, C1)."""
    intent_id = buyer.post(CREATE, intent_body(order)).json()["paymentIntentId"]
    with pytest.raises(stripe.CardError):
        shop.stripe.v1.payment_intents.confirm(intent_id, {"payment_method": card})
    shop.deliveries(
        object_id=intent_id, event_type="payment_intent.payment_failed", state="delivered"
    )
    assert "pending_payment" == shop.state(order)

    assert intent_id == buyer.post(CREATE, intent_body(order)).json()["paymentIntentId"]
    shop.stripe.v1.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"})

    shop.wait_for(lambda: shop.state(order) == "paid")
    shop.check_books()


def test_failed_authentication_leaves_the_order_to_be_paid(
    shop: Shop, buyer: Browser, order: Order
) -> None:
    """A buyer who fails 3D Secure has not paid, before the bank's answer and after it (case 8)."""
    intent_id = buyer.post(CREATE, intent_body(order)).json()["paymentIntentId"]
    card: Any = {
        "payment_method": "pm_card_threeDSecure2Required",
        "return_url": "https://market.example/orders",
    }
    intent = shop.stripe.v1.payment_intents.confirm(intent_id, card)
    assert ("requires_action", "pending_payment") == (intent.status, shop.state(order))

    shop.command("POST", f"/payment_intents/{intent_id}/authenticate", outcome="fail")

    shop.deliveries(
        object_id=intent_id, event_type="payment_intent.payment_failed", state="delivered"
    )
    assert "pending_payment" == shop.state(order)


@pytest.mark.parametrize("headers", [SITE, {"Referer": "http://localhost:5173/orders/1"}])
def test_cookie_from_the_site_is_taken(
    buyer: Browser, order: Order, headers: dict[str, str]
) -> None:
    """A session cookie is accepted in the chunks that Supabase's library writes."""
    answer = buyer.post(CREATE, intent_body(order), buyer.cookie | headers)

    assert 200 == answer.status_code, answer.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 60_000, b'{"orderId": 1}']
)
def test_body_that_makes_no_sense_is_refused(shop: Shop, buyer: Browser, body: bytes) -> None:
    """A malformed body gets a 400, never a 5xx."""
    answer = shop.http.post(
        CREATE, content=body, headers=buyer.bearer | {"Content-Type": "application/json"}
    )

    assert (400, "VALIDATION_ERROR") == refusal_of(answer)


def test_other_kind_of_body_is_refused(shop: Shop, buyer: Browser) -> None:
    """Another content type than JSON is refused."""
    headers = buyer.bearer | {"Content-Type": "application/xml"}

    answer = shop.http.post(CREATE, content=b"<x/>", headers=headers)

    assert (415, "UNSUPPORTED_MEDIA_TYPE") == refusal_of(answer)


def test_large_body_is_refused(shop: Shop, buyer: Browser) -> None:
    """A large body is not read to its end, so its connection is closed."""
    answer = httpx.post(
        f"{shop.environment['SERVICE_URL']}{CREATE}",
        content=b'{"orderId": "' + b"x" * 64 * 1024 + b'"}',
        headers=buyer.bearer | {"Content-Type": "application/json"},
    )

    assert (413, "PAYLOAD_TOO_LARGE") == refusal_of(answer)


def test_stripe_that_loses_an_answer_makes_one_intent(
    shop: Shop, buyer: Browser, order: Order
) -> None:
    """The call is repeated under its key, so the buyer notices nothing."""
    shop.fault(reset=True, when="after", method="POST", path="/v1/payment_intents")

    answer = buyer.post(CREATE, intent_body(order))

    assert 200 == answer.status_code, answer.text
    [intent] = shop.intents_of(order)
    assert answer.json()["paymentIntentId"] == intent["id"]
    assert [] == shop.command("GET", "/faults")["faults"]


def test_stripe_that_fails_once_makes_one_intent(shop: Shop, buyer: Browser, order: Order) -> None:
    """Stripe keeps an error under the first key, so the service takes the next key."""
    shop.fault(status=500, method="POST", path="/v1/payment_intents")

    answer = buyer.post(CREATE, intent_body(order))

    assert 200 == answer.status_code, answer.text
    assert [answer.json()["paymentIntentId"]] == [one["id"] for one in shop.intents_of(order)]


def test_stripe_that_is_slow_makes_one_intent(shop: Shop, buyer: Browser, order: Order) -> None:
    """The first call times out, and its repetitions wait for its result.

    They wait for a random time, so the buyer may have to repeat the request.
    """
    shop.fault(delay_s=2, method="POST", path="/v1/payment_intents")
    answers = []

    def is_answered() -> bool:
        answers.append(buyer.post(CREATE, intent_body(order)))
        return answers[-1].is_success

    assert wait_until(is_answered, ANSWER_S)
    assert {(503, "STRIPE_CONFLICT"), (503, "STRIPE_UNREACHABLE")} >= set(
        map(refusal_of, answers[:-1])
    )
    made = answers[-1].json()["paymentIntentId"]
    assert [made] == [one["id"] for one in shop.intents_of(order)]


def test_stripe_that_is_away_is_told(shop: Shop, buyer: Browser, order: Order) -> None:
    """The buyer gets an error while Stripe is away, and the next try works."""
    shop.fault(reset=True, times=50, method="POST", path="/v1/payment_intents")

    answer = buyer.post(CREATE, intent_body(order))

    assert (503, "STRIPE_UNREACHABLE") == refusal_of(answer)
    shop.command("DELETE", "/faults")
    assert 200 == buyer.post(CREATE, intent_body(order)).status_code
    shop.check_books()
