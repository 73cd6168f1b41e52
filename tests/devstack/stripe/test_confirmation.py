"""A confirmation pays, is declined, or asks the buyer to authenticate."""

import httpx
import pytest
import stripe

from tests.support.fake_server import PUBLISHABLE_KEY, Account
from tests.support.waits import ANSWER_S


def test_good_card_pays(account: Account) -> None:
    """pm_card_visa pays at once; intent, charge and events agree (docs.stripe.com/testing)."""
    intent = account.intent(metadata={"order_id": "o-1"}, transfer_group="o-1")

    paid = account.client.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "expand": ["latest_charge"]}
    )

    assert ("succeeded", 5000) == (paid.status, paid.amount_received)
    charge = paid.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert ("succeeded", True, True) == (charge.status, charge.paid, charge.captured)
    assert (5000, 5000, 0) == (charge.amount, charge.amount_captured, charge.amount_refunded)
    assert ({"order_id": "o-1"}, "o-1") == (charge.metadata.to_dict(), charge.transfer_group)
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert "4242" == charge.payment_method_details.card.last4
    assert ["charge.succeeded"] == account.event_types(charge.id)
    assert ["payment_intent.created", "payment_intent.succeeded"] == account.event_types(intent.id)


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedFraudulent", "card_declined", "fraudulent"),
        (
            "pm_card_chargeDeclinedVelocityLimitExceeded",
            "card_declined",
            "card_velocity_exceeded",
        ),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
def test_declined_card_is_a_card_error(
    account: Account, card: str, code: str, decline_code: str
) -> None:
    """A decline is 402 with the bank's reason, and the intent may be paid otherwise.

    docs.stripe.com/declines and docs.stripe.com/testing#declined-payments
    """
    intent = account.intent()

    with pytest.raises(stripe.CardError) as decline:
        account.client.v1.payment_intents.confirm(intent.id, {"payment_method": card})

    assert decline.value.error is not None
    assert (402, code) == (decline.value.http_status, decline.value.code)
    assert decline_code == decline.value.error.decline_code
    now = account.client.v1.payment_intents.retrieve(intent.id)
    assert ("requires_payment_method", None) == (now.status, now.payment_method)
    assert now.last_payment_error is not None
    assert decline.value.error.charge == now.last_payment_error.charge == now.latest_charge
    assert (code, decline_code) == (
        now.last_payment_error.code,
        now.last_payment_error.decline_code,
    )
    assert "payment_intent.payment_failed" == account.event_types(intent.id)[-1]
    assert ["charge.failed"] == account.event_types(str(now.latest_charge))


def test_decline_names_the_field_to_correct(account: Account) -> None:
    """The error names the wrong field of the form (docs.stripe.com/error-codes)."""
    params = []
    for name in ("ExpiredCard", "IncorrectCvc"):
        with pytest.raises(stripe.CardError) as decline:
            account.paid(f"pm_card_chargeDeclined{name}")
        params.append(decline.value.param)

    assert ["exp_month", "cvc"] == params


def test_declined_intent_can_still_be_paid(account: Account) -> None:
    """Each decline has a charge of its own, and a later success clears the error."""
    intents = account.client.v1.payment_intents
    intent = account.intent()
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})

    paid = intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    assert ("succeeded", None) == (paid.status, paid.last_payment_error)
    charges = account.client.v1.charges.list({"payment_intent": intent.id}).data
    assert ["succeeded", "failed", "failed"] == [charge.status for charge in charges]


def test_intent_made_and_declined_in_one_call_exists(account: Account) -> None:
    """A declined creation with confirm leaves the intent."""
    with pytest.raises(stripe.CardError) as decline:
        account.paid("pm_card_chargeDeclined")

    assert decline.value.error is not None
    assert decline.value.error.payment_intent is not None
    listed = account.client.v1.payment_intents.list().data
    assert [decline.value.error.payment_intent.id] == [intent.id for intent in listed]


def test_paid_intent_is_not_paid_twice(account: Account) -> None:
    """A second confirmation is refused and charges nothing."""
    intent = account.paid()

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    assert "payment_intent_unexpected_state" == refusal.value.code
    assert 1 == len(account.client.v1.charges.list({"payment_intent": intent.id}).data)


def test_intent_without_method_cannot_be_confirmed(account: Account) -> None:
    """A confirmation without a payment method is refused."""
    intent = account.intent()

    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        account.client.v1.payment_intents.confirm(intent.id)


def test_automatic_methods_need_a_return_url(account: Account) -> None:
    """Without payment_method_types Stripe may redirect the buyer, so it demands a return_url.

    docs.stripe.com/changelog: automatic payment methods are the default since 2023-08-16.
    """
    intents = account.client.v1.payment_intents
    intent = intents.create({"amount": 5000, "currency": "aud"})

    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    paid = intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "return_url": "https://example.com"}
    )

    assert "succeeded" == paid.status


def test_buyer_confirms_with_the_client_secret(account: Account) -> None:
    """A publishable key confirms only the intent whose client secret it has."""
    intent = account.intent()
    url = f"{account.config.url}/v1/payment_intents/{intent.id}/confirm"
    headers = {"Authorization": f"Bearer {PUBLISHABLE_KEY}"}
    fields = {
        "payment_method_data[type]": "card",
        "payment_method_data[card][token]": "tok_visa",
        "payment_method_data[billing_details][email]": "buyer@example.com",
    }

    def confirmed(**secret: str) -> httpx.Response:
        return httpx.post(url, headers=headers, data=fields | secret, timeout=ANSWER_S)

    without = confirmed()
    wrong = confirmed(client_secret="pi_x_secret_y")
    right = confirmed(client_secret=str(intent.client_secret))

    assert [401, 400, 200] == [answer.status_code for answer in (without, wrong, right)]
    assert "succeeded" == right.json()["status"]


def test_number_of_an_unknown_card_is_refused(account: Account) -> None:
    """Any number that is no test card's is an incorrect number."""
    with pytest.raises(stripe.CardError) as refusal:
        account.client.v1.payment_methods.create(
            {"type": "card", "card": {"number": "4242424242424241", "exp_month": 1, "exp_year": 40}}
        )

    assert "incorrect_number" == refusal.value.code


def test_payment_method_is_made_and_used(account: Account) -> None:
    """A new payment method of a card number pays the intent that names it."""
    method = account.client.v1.payment_methods.create(
        {
            "type": "card",
            "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"},
        }
    )
    intent = account.intent(payment_method=method.id)
    assert "requires_confirmation" == intent.status

    paid = account.client.v1.payment_intents.confirm(intent.id, {"expand": ["payment_method"]})

    assert isinstance(paid.payment_method, stripe.PaymentMethod)
    assert ("succeeded", method.id) == (paid.status, paid.payment_method.id)


def test_manual_capture_takes_a_part(account: Account) -> None:
    """A manual intent is authorised first and captured once, in full or in part.

    docs.stripe.com/payments/place-a-hold-on-a-payment-method
    """
    intents = account.client.v1.payment_intents
    held = account.paid(capture_method="manual")
    assert ("requires_capture", 5000, 0) == (
        held.status,
        held.amount_capturable,
        held.amount_received,
    )

    with pytest.raises(stripe.InvalidRequestError):
        intents.capture(held.id, {"amount_to_capture": 5001})
    captured = intents.capture(held.id, {"amount_to_capture": 3000})

    assert ("succeeded", 3000, 0) == (
        captured.status,
        captured.amount_received,
        captured.amount_capturable,
    )
    assert [
        "payment_intent.created",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
    ] == account.event_types(held.id)
    assert ["charge.succeeded", "charge.captured"] == account.event_types(str(held.latest_charge))
