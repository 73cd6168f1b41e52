"""`market.payments.repository`: the arguments and answers of SQL functions."""

from collections.abc import Callable
from typing import Any

import pytest

from market.errors import RejectedError
from market.payments import repository
from market.payments.types import CapturedPayment, PaidOrder, PaymentTerms
from tests.support.factories import BUYER_ID, ORDER_ID
from tests.support.metrics import count_of


PAYMENT = CapturedPayment(
    order_id=ORDER_ID,
    payment_intent_id="pi_1",
    charge_id="ch_1",
    amount_cents=12_500,
    currency="aud",
    buyer_id=BUYER_ID,
)
TERMS = PaymentTerms(
    order_id=ORDER_ID,
    buyer_id=BUYER_ID,
    attempt=2,
    answered_errors=0,
    first_error=None,
    amount_cents=12_500,
    currency="aud",
    listing_title="Camera",
    receipt_email=None,
    payment_intent_id=None,
)
REFUSAL = {"success": False, "code": "FORBIDDEN", "error": "Only the buyer can pay for this order"}


def test_terms_are_read(database: Any) -> None:
    """A missing value, such as an earlier intent, is None."""
    database.call.return_value = {
        "success": True,
        "attempt": 2,
        "amount_cents": 12_500,
        "currency": "aud",
        "listing_title": "Camera",
    }

    assert TERMS == repository.begin_payment(database, order_id=ORDER_ID, buyer_id=BUYER_ID)
    database.call.assert_called_once_with("begin_payment", order_id=ORDER_ID, buyer_id=BUYER_ID)


def test_winner_is_read(database: Any) -> None:
    """The order's current intent may be another one than ours."""
    database.call.return_value = {"success": True, "payment_intent_id": "pi_first"}

    assert "pi_first" == repository.attach_payment_intent(database, TERMS, "pi_second")
    database.call.assert_called_once_with(
        "attach_payment_intent", order_id=ORDER_ID, attempt=2, payment_intent_id="pi_second"
    )


@pytest.mark.parametrize("call", ["begin", "attach", "confirm"])
def test_refusal_is_raised(database: Any, call: str) -> None:
    """A refusal of SQL becomes an error with its code and its sentence."""
    database.call.return_value = dict(REFUSAL)
    calls: dict[str, Callable[[], object]] = {
        "begin": lambda: repository.begin_payment(database, order_id="o", buyer_id="b"),
        "attach": lambda: repository.attach_payment_intent(database, TERMS, "pi_1"),
        "confirm": lambda: repository.confirm_payment(database, PAYMENT, user_id=BUYER_ID),
    }

    with pytest.raises(RejectedError) as caught:
        calls[call]()

    assert ("FORBIDDEN", REFUSAL["error"]) == (caught.value.code, caught.value.text)


def test_confirmed_order_is_read(database: Any) -> None:
    """The answer has the state of the order."""
    database.call.return_value = {
        "success": True,
        "order_id": ORDER_ID,
        "state": "paid",
        "alerts": [],
    }

    assert PaidOrder(
        order_id=ORDER_ID, state="paid", amount_cents=12_500
    ) == repository.confirm_payment(database, PAYMENT, user_id=BUYER_ID)


def test_stray_is_an_alert_and_a_refusal(database: Any) -> None:
    """A stray payment raises an alert, and the buyer gets a refusal."""
    before = count_of("alerts", alert="stray_payment:amount_differs")
    database.call.return_value = {
        "success": False,
        "code": "TRANSACTION_FAILED",
        "error": "This payment does not fit the order and goes back to you",
        "alerts": ["stray_payment:amount_differs"],
        "state": "pending_payment",
        "order_id": ORDER_ID,
    }

    with pytest.raises(RejectedError) as caught:
        repository.confirm_payment(database, PAYMENT, user_id=BUYER_ID)

    assert before + 1 == count_of("alerts", alert="stray_payment:amount_differs")
    assert "alerts" not in caught.value.fields
