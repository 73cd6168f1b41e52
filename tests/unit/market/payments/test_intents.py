"""`market.payments.intents`: one intent per try to pay, and its confirmation."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.payments import intents
from market.payments.types import OpenIntent, PaidOrder
from market.stripe_api import StripeApi
from tests.factories import BUYER_ID, ORDER_ID, make_intent


TERMS = {
    "success": True,
    "attempt": 1,
    "amount_cents": 12_500,
    "currency": "aud",
    "listing_title": "Camera",
    "receipt_email": "buyer@example.test",
}
ATTACHED = {"success": True, "payment_intent_id": "pi_00001"}
CONFLICT = {"success": False, "code": "CONFLICT", "error": "Please start the payment again"}
OPEN = OpenIntent(payment_intent_id="pi_00001", client_secret="pi_00001_secret_1")
FRESH = make_intent(status="requires_payment_method")


@pytest.fixture
def database() -> Any:
    database = create_autospec(Database, instance=True)
    database.call.side_effect = [TERMS, ATTACHED]
    return database


@pytest.fixture
def stripe_api() -> Any:
    stripe_api = create_autospec(StripeApi, instance=True)
    stripe_api.create_payment_intent.return_value = FRESH
    stripe_api.retrieve_payment_intent.return_value = FRESH
    return stripe_api


def open_intent(
    stripe_api: Any, database: Any, amount_cents: int = 12_500, currency: str = "aud"
) -> OpenIntent:
    return intents.open_intent(
        stripe_api,
        database,
        order_id=ORDER_ID,
        buyer_id=BUYER_ID,
        amount_cents=amount_cents,
        currency=currency,
    )


def keys_used(stripe_api: Any) -> list[str]:
    return [
        call.kwargs["idempotency_key"] for call in stripe_api.create_payment_intent.call_args_list
    ]


def test_intent_is_made_from_the_order_alone(stripe_api: Any, database: Any) -> None:
    """Every parameter comes from the database, the key from order and try."""
    assert OPEN == open_intent(stripe_api, database)
    stripe_api.create_payment_intent.assert_called_once_with(
        {
            "amount": 12_500,
            "currency": "aud",
            "payment_method_types": ["card"],
            "metadata": {
                "order_id": ORDER_ID,
                "buyer_id": BUYER_ID,
                "listing_title": "Camera",
            },
            "receipt_email": "buyer@example.test",
        },
        idempotency_key=f"intent:{ORDER_ID}:1:0",
    )


def test_intent_needs_no_mail_address(stripe_api: Any, database: Any) -> None:
    """An account without one gets no receipt by mail."""
    database.call.side_effect = [TERMS | {"receipt_email": None}, ATTACHED]

    open_intent(stripe_api, database)

    assert "receipt_email" not in stripe_api.create_payment_intent.call_args.args[0]


def test_current_intent_is_used_again(stripe_api: Any, database: Any) -> None:
    """Whoever comes back to the payment page pays by the intent that is open."""
    database.call.side_effect = [TERMS | {"payment_intent_id": "pi_00001"}]

    assert OPEN == open_intent(stripe_api, database)
    stripe_api.create_payment_intent.assert_not_called()


@pytest.mark.parametrize(("amount_cents", "currency"), [(12_499, "aud"), (12_500, "usd")])
def test_buyer_who_was_shown_something_else_is_refused(
    stripe_api: Any, database: Any, amount_cents: int, currency: str
) -> None:
    """Nobody pays another price than the one on their screen."""
    with pytest.raises(RejectedError) as caught:
        open_intent(stripe_api, database, amount_cents, currency)

    assert "VALIDATION_ERROR" == caught.value.code
    stripe_api.create_payment_intent.assert_not_called()


def test_currency_may_be_in_capitals(stripe_api: Any, database: Any) -> None:
    """AUD and aud are the same."""
    assert OPEN == open_intent(stripe_api, database, currency="AUD")


def test_loser_of_a_race_gets_the_winners_intent(stripe_api: Any, database: Any) -> None:
    """Two calls at once end at one intent, whichever was attached."""
    database.call.side_effect = [TERMS, ATTACHED | {"payment_intent_id": "pi_first"}]
    stripe_api.retrieve_payment_intent.return_value = make_intent(
        id="pi_first", client_secret="first_secret", status="requires_payment_method"
    )

    assert OpenIntent(payment_intent_id="pi_first", client_secret="first_secret") == open_intent(
        stripe_api, database
    )
    stripe_api.retrieve_payment_intent.assert_called_once_with("pi_first")


def test_overtaken_try_begins_again(stripe_api: Any, database: Any) -> None:
    """A try that is not the next one any more starts over with what is there now."""
    database.call.side_effect = [TERMS, CONFLICT, TERMS | {"attempt": 2}, ATTACHED]

    assert OPEN == open_intent(stripe_api, database)
    assert [f"intent:{ORDER_ID}:1:0", f"intent:{ORDER_ID}:2:0"] == keys_used(stripe_api)


def test_try_overtaken_twice_is_the_buyers_again(stripe_api: Any, database: Any) -> None:
    """After that the buyer is asked to start once more."""
    database.call.side_effect = [TERMS, CONFLICT, TERMS, CONFLICT]

    with pytest.raises(RejectedError) as caught:
        open_intent(stripe_api, database)

    assert "CONFLICT" == caught.value.code


@pytest.mark.parametrize(
    ("status", "code"), [("succeeded", "TRANSACTION_FAILED"), ("canceled", "CONFLICT")]
)
def test_closed_intent_is_not_handed_out(
    stripe_api: Any, database: Any, status: str, code: str
) -> None:
    """By an intent that has succeeded or was canceled nobody can pay."""
    database.call.side_effect = [TERMS | {"payment_intent_id": "pi_00001"}] * 2
    stripe_api.retrieve_payment_intent.return_value = make_intent(status=status)

    with pytest.raises(RejectedError) as caught:
        open_intent(stripe_api, database)

    assert code == caught.value.code


def test_refused_order_makes_no_intent(stripe_api: Any, database: Any) -> None:
    """What the database refuses never reaches Stripe."""
    database.call.side_effect = [
        {"success": False, "code": "TRANSACTION_FAILED", "error": "Order is past due"}
    ]

    with pytest.raises(RejectedError, match="TRANSACTION_FAILED"):
        open_intent(stripe_api, database)

    stripe_api.create_payment_intent.assert_not_called()


def test_answered_error_moves_the_key_on(stripe_api: Any, database: Any) -> None:
    """Stripe would replay its error for a day, so the next try has the next key."""
    stripe_api.create_payment_intent.side_effect = [TransientError("STRIPE_ERROR"), FRESH]

    assert OPEN == open_intent(stripe_api, database)
    assert [f"intent:{ORDER_ID}:1:0", f"intent:{ORDER_ID}:1:1"] == keys_used(stripe_api)


def test_stripe_that_keeps_failing_is_given_up(stripe_api: Any, database: Any) -> None:
    """After three keys the buyer is told."""
    stripe_api.create_payment_intent.side_effect = TransientError("STRIPE_ERROR")

    with pytest.raises(TransientError):
        open_intent(stripe_api, database)

    assert 3 == len(set(keys_used(stripe_api)))


def test_lost_answer_keeps_the_key(stripe_api: Any, database: Any) -> None:
    """Whether Stripe has made it is not known, so no other key may be used."""
    stripe_api.create_payment_intent.side_effect = TransientError("STRIPE_UNREACHABLE")

    with pytest.raises(TransientError):
        open_intent(stripe_api, database)

    assert [f"intent:{ORDER_ID}:1:0"] == keys_used(stripe_api)


def confirm(stripe_api: Any, database: Any, buyer_id: str = BUYER_ID) -> PaidOrder:
    return intents.confirm(
        stripe_api,
        database,
        order_id=ORDER_ID,
        payment_intent_id="pi_00001",
        buyer_id=buyer_id,
    )


def test_confirmed_payment_settles_the_order(stripe_api: Any, database: Any) -> None:
    """What Stripe says about the intent is what counts, not what the browser says."""
    stripe_api.retrieve_payment_intent.return_value = make_intent()
    database.call.side_effect = [{"success": True, "order_id": ORDER_ID, "state": "paid"}]

    paid = confirm(stripe_api, database)

    assert PaidOrder(order_id=ORDER_ID, state="paid", amount_cents=12_500) == paid
    database.call.assert_called_once_with(
        "confirm_payment_transaction",
        order_id=ORDER_ID,
        payment_intent_id="pi_00001",
        charge_id="ch_1",
        amount_cents=12_500,
        currency="aud",
        user_id=BUYER_ID,
    )


@pytest.mark.parametrize(
    ("intent", "code", "fields"),
    [
        (make_intent(metadata={}), "VALIDATION_ERROR", {}),
        (make_intent(metadata=None), "VALIDATION_ERROR", {}),
        (
            make_intent(metadata={"order_id": "another", "buyer_id": BUYER_ID}),
            "VALIDATION_ERROR",
            {},
        ),
        (make_intent(metadata={"order_id": ORDER_ID, "buyer_id": "eve"}), "FORBIDDEN", {}),
        (
            make_intent(status="requires_action"),
            "TRANSACTION_FAILED",
            {"paymentStatus": "requires_action"},
        ),
    ],
)
def test_intent_that_does_not_fit_changes_nothing(
    stripe_api: Any, database: Any, intent: Any, code: str, fields: Any
) -> None:
    """Another's intent, another order's, or one that is not paid settles nothing."""
    stripe_api.retrieve_payment_intent.return_value = intent

    with pytest.raises(RejectedError) as caught:
        confirm(stripe_api, database)

    assert (code, fields) == (caught.value.code, caught.value.fields)
    database.call.assert_not_called()


def test_unknown_intent_is_told(stripe_api: Any, database: Any) -> None:
    """An id that Stripe does not know is the caller's mistake."""
    stripe_api.retrieve_payment_intent.side_effect = RejectedError("RESOURCE_NOT_FOUND")

    with pytest.raises(MarketError, match="RESOURCE_NOT_FOUND"):
        confirm(stripe_api, database)


def test_client_secret_is_not_shown() -> None:
    """Whoever has it can act on the payment, so no log or error may have it by accident."""
    assert OPEN.client_secret not in repr(OPEN)
