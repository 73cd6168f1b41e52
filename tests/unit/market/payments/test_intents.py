"""`market.payments.intents`: one intent per try to pay, and its confirmation."""

from typing import Any
from unittest.mock import call, create_autospec

import pytest

from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.payments import intents
from market.payments.types import OpenIntent, PaidOrder
from market.stripe_api import StripeApi
from tests.support.factories import BUYER_ID, ORDER_ID, make_intent
from tests.unit.specs import spec_of


TERMS = {
    "success": True,
    "attempt": 1,
    "amount_cents": 12_500,
    "currency": "aud",
    "listing_title": "Camera",
    "receipt_email": "buyer@example.test",
}
ATTACHED = {"success": True, "payment_intent_id": "pi_00001"}
COUNTED = {"success": True, "answered_errors": 1}
FIRST_ERROR = 1_767_225_600
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
    stripe_api = spec_of(StripeApi)
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
    made = stripe_api.create_payment_intent.call_args_list
    return [arguments.kwargs["idempotency_key"] for arguments in made]


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
                "dedupe_key": f"intent:{ORDER_ID}:1",
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
    """A buyer who returns to the payment page pays by the open intent."""
    database.call.side_effect = [TERMS | {"payment_intent_id": "pi_00001"}]

    assert OPEN == open_intent(stripe_api, database)
    stripe_api.create_payment_intent.assert_not_called()


@pytest.mark.parametrize(("amount_cents", "currency"), [(12_499, "aud"), (12_500, "usd")])
def test_buyer_who_was_shown_something_else_is_refused(
    stripe_api: Any, database: Any, amount_cents: int, currency: str
) -> None:
    """A buyer with another amount on the screen is refused."""
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
    """An overtaken attempt starts again with the current terms."""
    database.call.side_effect = [TERMS, CONFLICT, TERMS | {"attempt": 2}, ATTACHED]

    assert OPEN == open_intent(stripe_api, database)
    assert [f"intent:{ORDER_ID}:1:0", f"intent:{ORDER_ID}:2:0"] == keys_used(stripe_api)


def test_try_overtaken_twice_is_the_buyers_again(stripe_api: Any, database: Any) -> None:
    """An attempt that is overtaken twice ends, and the buyer starts again."""
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
    """A succeeded or canceled intent is not returned."""
    database.call.side_effect = [TERMS | {"payment_intent_id": "pi_00001"}] * 2
    stripe_api.retrieve_payment_intent.return_value = make_intent(status=status)

    with pytest.raises(RejectedError) as caught:
        open_intent(stripe_api, database)

    assert code == caught.value.code


def test_refused_order_makes_no_intent(stripe_api: Any, database: Any) -> None:
    """A payment that the database refuses never reaches Stripe."""
    database.call.side_effect = [
        {"success": False, "code": "TRANSACTION_FAILED", "error": "Order is past due"}
    ]

    with pytest.raises(RejectedError, match="TRANSACTION_FAILED"):
        open_intent(stripe_api, database)

    stripe_api.create_payment_intent.assert_not_called()


def failed_terms(answered_errors: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the terms of an attempt to which Stripe has answered errors."""
    return TERMS | {"answered_errors": answered_errors, "first_error": FIRST_ERROR} | changes


@pytest.mark.parametrize(
    "error",
    [
        TransientError("STRIPE_ERROR"),
        MarketError("STRIPE_ERROR"),
        RejectedError("STRIPE_EMAIL_REFUSED"),
    ],
)
def test_answered_error_moves_the_key_on(
    stripe_api: Any, database: Any, error: MarketError
) -> None:
    """Stripe would replay its error for a day. The database counts it before the next try."""
    database.call.side_effect = [TERMS, COUNTED, failed_terms(), ATTACHED]
    stripe_api.create_payment_intent.side_effect = [error, FRESH]

    assert OPEN == open_intent(stripe_api, database)
    assert [f"intent:{ORDER_ID}:1:0", f"intent:{ORDER_ID}:1:1"] == keys_used(stripe_api)
    assert (
        call(
            "record_intent_error",
            order_id=ORDER_ID,
            attempt=1,
            answered_errors=0,
            error_code=error.code,
        )
        in database.call.call_args_list
    )


def test_stripe_that_keeps_failing_is_given_up(stripe_api: Any, database: Any) -> None:
    """A request tries two keys; the next request goes on with the next key."""
    database.call.side_effect = [failed_terms(3), COUNTED, failed_terms(4), COUNTED]
    stripe_api.create_payment_intent.side_effect = TransientError("STRIPE_ERROR")

    with pytest.raises(TransientError, match="STRIPE_ERROR"):
        open_intent(stripe_api, database)

    assert [f"intent:{ORDER_ID}:1:3", f"intent:{ORDER_ID}:1:4"] == keys_used(stripe_api)


def test_refusal_is_counted_and_not_repeated(stripe_api: Any, database: Any) -> None:
    """Stripe would refuse the same call again; a later request has another key."""
    database.call.side_effect = [TERMS, COUNTED]
    stripe_api.create_payment_intent.side_effect = RejectedError("STRIPE_REFUSED")

    with pytest.raises(RejectedError, match="STRIPE_REFUSED"):
        open_intent(stripe_api, database)

    assert "record_intent_error" == database.call.call_args.args[0]
    assert 1 == len(keys_used(stripe_api))


@pytest.mark.parametrize("status", ["requires_payment_method", "requires_action"])
def test_intent_that_an_error_hid_is_used(stripe_api: Any, database: Any, status: str) -> None:
    """Stripe may answer 500 after it made the intent; a second one must not be made."""
    database.call.side_effect = [failed_terms(), ATTACHED]
    hidden = make_intent(status=status, metadata={"dedupe_key": f"intent:{ORDER_ID}:1"})
    others = [
        make_intent(id="pi_2", metadata=None, status=status),
        make_intent(id="pi_3", metadata={"dedupe_key": f"intent:{ORDER_ID}:2"}, status=status),
    ]
    stripe_api.list_payment_intents.return_value = [*others, hidden]

    assert OPEN == open_intent(stripe_api, database)
    stripe_api.create_payment_intent.assert_not_called()
    stripe_api.list_payment_intents.assert_called_once_with(created_since=FIRST_ERROR - 90_000)


@pytest.mark.parametrize("status", ["canceled", None, 7])
def test_hidden_intent_that_is_closed_is_not_used(
    stripe_api: Any, database: Any, status: Any
) -> None:
    """A closed intent that an error hid is not used, and another one is made."""
    database.call.side_effect = [failed_terms(), ATTACHED]
    metadata = {"dedupe_key": f"intent:{ORDER_ID}:1"}
    stripe_api.list_payment_intents.return_value = [
        make_intent(id="pi_2", status=status, metadata=metadata)
    ]

    assert OPEN == open_intent(stripe_api, database)
    assert [f"intent:{ORDER_ID}:1:1"] == keys_used(stripe_api)


def test_nothing_is_made_while_hidden_intents_cannot_be_seen(
    stripe_api: Any, database: Any
) -> None:
    """No intent is made if the list of hidden ones fails."""
    database.call.side_effect = [failed_terms()]
    stripe_api.list_payment_intents.side_effect = TransientError("STRIPE_UNREACHABLE")

    with pytest.raises(TransientError, match="STRIPE_UNREACHABLE"):
        open_intent(stripe_api, database)

    stripe_api.create_payment_intent.assert_not_called()


def test_attempt_without_errors_lists_nothing(stripe_api: Any, database: Any) -> None:
    """The list costs a call, and most attempts have no error."""
    open_intent(stripe_api, database)

    stripe_api.list_payment_intents.assert_not_called()


@pytest.mark.parametrize("client_secret", [None, "", 7])
def test_intent_without_its_secret_is_an_error(
    stripe_api: Any, database: Any, client_secret: Any
) -> None:
    """A browser cannot pay without the secret."""
    database.call.side_effect = [TERMS | {"payment_intent_id": "pi_00001"}] * 2
    stripe_api.retrieve_payment_intent.return_value = FRESH | {"client_secret": client_secret}

    with pytest.raises(MarketError, match="STRIPE_ERROR"):
        open_intent(stripe_api, database)


def test_lost_answer_keeps_the_key(stripe_api: Any, database: Any) -> None:
    """After a lost answer the key stays, because Stripe may have made the intent."""
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
    """Stripe's status of the intent settles the order, and not the browser's."""
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
    """An id that Stripe does not know is refused."""
    stripe_api.retrieve_payment_intent.side_effect = RejectedError("RESOURCE_NOT_FOUND")

    with pytest.raises(MarketError, match="RESOURCE_NOT_FOUND"):
        confirm(stripe_api, database)


def test_client_secret_is_not_shown() -> None:
    """The client secret is not in the repr, so no log or error has it."""
    assert OPEN.client_secret not in repr(OPEN)
