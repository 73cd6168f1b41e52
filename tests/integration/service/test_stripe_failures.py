"""Paying over HTTP while Stripe answers with errors, refuses an address, or answers nonsense."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.service.browser import Browser
from tests.integration.service.shop import AMOUNT, Order, Shop


pytestmark = pytest.mark.xdist_group("stack")

INTENTS = "/v1/payment_intents"


@pytest.fixture
def order(shop: Shop, buyer: Browser) -> Iterator[Order]:
    yield shop.sold(buyer.actor)
    shop.command("DELETE", "/faults")


def create(buyer: Browser, order: Order) -> httpx.Response:
    terms = {"orderId": order.id, "amount": AMOUNT, "currency": "aud"}
    return buyer.post("/api/payments/create-intent", terms)


def fail(shop: Shop, **fault: Any) -> None:
    shop.fault(**({"method": "POST", "path": INTENTS} | fault))


def outcome(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


def open_intent_ids(shop: Shop, order: Order) -> list[str]:
    return [one["id"] for one in shop.intents_of(order) if one["status"] != "canceled"]


@pytest.mark.parametrize("status", [500, 503])
def test_errors_of_stripe_block_no_payment(
    shop: Shop, buyer: Browser, order: Order, status: int
) -> None:
    """Stripe replays each error for a day, so each try needs another key."""
    fail(shop, status=status, times=3)

    answers = [create(buyer, order) for _ in range(2)]

    assert [(502, "STRIPE_ERROR"), (200, None)] == [outcome(answer) for answer in answers]
    assert [] == shop.command("GET", "/faults")["faults"]
    assert [answers[-1].json()["paymentIntentId"]] == open_intent_ids(shop, order)


@pytest.mark.parametrize("times", [1, 4])
def test_intent_behind_an_error_is_used(
    shop: Shop, buyer: Browser, order: Order, times: int
) -> None:
    """Stripe makes the intent and then answers 500. Another key would make a second one."""
    fail(shop, status=500, when="after", times=times)

    answers = [create(buyer, order) for _ in range(2)]

    assert [(200, None)] * 2 == [outcome(answer) for answer in answers]
    [intent] = shop.intents_of(order)
    assert {intent["id"]} == {answer.json()["paymentIntentId"] for answer in answers}
    assert {intent["client_secret"]} == {answer.json()["clientSecret"] for answer in answers}


@pytest.mark.parametrize("when", ["before", "after"])
def test_calls_at_once_get_one_intent_in_spite_of_errors(
    shop: Shop, buyer: Browser, order: Order, when: str
) -> None:
    """Each call counts an error once, so all of them go on under the same key."""
    fail(shop, status=500, when=when, times=3)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: create(buyer, order), range(4)))
    shop.command("DELETE", "/faults")
    answer = create(buyer, order)

    assert (200, None) == outcome(answer)
    assert [answer.json()["paymentIntentId"]] == open_intent_ids(shop, order)


def test_lost_answer_after_an_error_makes_one_intent(
    shop: Shop, buyer: Browser, order: Order
) -> None:
    """The second key is repeated until an answer comes."""
    fail(shop, status=500)
    fail(shop, reset=True, when="after")

    answer = create(buyer, order)

    assert (200, None) == outcome(answer)
    assert [answer.json()["paymentIntentId"]] == open_intent_ids(shop, order)


def test_other_terms_under_a_used_key_block_no_payment(
    shop: Shop, buyer: Browser, order: Order
) -> None:
    """The answer is lost and the address changes, so Stripe refuses the key for other terms."""
    fail(shop, reset=True, when="after", times=5)
    assert (503, "STRIPE_UNREACHABLE") == outcome(create(buyer, order))
    shop.db.execute(
        "update public.users set email = %s where id = %s",
        [f"{uuid.uuid4().hex}@example.test", order.buyer_id],
    )

    answer = create(buyer, order)

    assert (200, None) == outcome(answer)
    assert [answer.json()["paymentIntentId"]] == [one["id"] for one in shop.intents_of(order)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, (400, "STRIPE_REFUSED")),
        (402, (400, "STRIPE_REFUSED")),
        (404, (400, "STRIPE_REFUSED")),
        (401, (502, "STRIPE_ERROR")),
        (403, (502, "STRIPE_ERROR")),
        (405, (502, "STRIPE_ERROR")),
        (418, (502, "STRIPE_ERROR")),
        (422, (502, "STRIPE_ERROR")),
        (501, (502, "STRIPE_ERROR")),
        (504, (502, "STRIPE_ERROR")),
        (409, (503, "STRIPE_CONFLICT")),
        (429, (503, "STRIPE_RATE_LIMITED")),
    ],
)
def test_error_of_stripe_has_a_name(
    shop: Shop, buyer: Browser, order: Order, status: int, expected: tuple[int, str]
) -> None:
    """A status of Stripe becomes a code of ours, and the buyer can pay when Stripe works."""
    fail(shop, status=status, times=50)

    answer = create(buyer, order)

    assert expected == outcome(answer)
    assert "Stripe" in answer.json()["error"]
    shop.command("DELETE", "/faults")
    assert (200, None) == outcome(create(buyer, order))
    assert 1 == len(open_intent_ids(shop, order))


@pytest.mark.parametrize("email", ["otto@com", "otto@localhost", "otto.example"])
def test_address_that_stripe_refuses_gets_no_receipt(
    shop: Shop, signed_in: Callable[[], Browser], email: str
) -> None:
    """The receipt is optional; the payment is not."""
    person = signed_in()
    shop.db.execute("update public.users set email = %s where id = %s", [email, person.actor.id])
    order = shop.sold(person.actor)

    answer = create(person, order)

    assert (200, None) == outcome(answer)
    [intent] = shop.intents_of(order)
    assert (answer.json()["paymentIntentId"], None) == (intent["id"], intent["receipt_email"])
    shop.stripe.v1.payment_intents.confirm(intent["id"], {"payment_method": "pm_card_visa"})
    shop.wait_for(lambda: shop.state(order) == "paid")
    shop.check_books()
