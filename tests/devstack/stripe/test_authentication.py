"""3-D Secure: the buyer must authenticate the payment.

docs.stripe.com/payments/3d-secure, docs.stripe.com/testing#three-ds-cards
"""

import pytest
import stripe

from tests.support.fake_server import Account


def challenged_intent(
    account: Account, card: str = "pm_card_threeDSecure2Required"
) -> stripe.PaymentIntent:
    """Start a payment whose buyer must authenticate."""
    intent = account.paid(card)
    assert "requires_action" == intent.status
    return intent


def authenticate(
    account: Account, intent: stripe.PaymentIntent, outcome: str
) -> stripe.PaymentIntent:
    """Let the authentication succeed or fail; return the intent afterwards."""
    account.command("POST", f"/payment_intents/{intent.id}/authenticate", outcome=outcome)
    return account.client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})


@pytest.mark.parametrize(
    "card",
    [
        "pm_card_threeDSecure2Required",
        "pm_card_threeDSecureRequired",
        "pm_card_authenticationRequired",
        "pm_card_authenticationRequiredOnSetup",
    ],
)
def test_authenticated_buyer_pays(account: Account, card: str) -> None:
    """The intent requires an action, charges nothing before it, and succeeds after it."""
    intent = challenged_intent(account, card)
    assert intent.next_action is not None
    assert ("use_stripe_sdk", None) == (intent.next_action.type, intent.latest_charge)

    now = authenticate(account, intent, "succeed")

    assert ("succeeded", None) == (now.status, now.next_action)
    assert isinstance(now.latest_charge, stripe.Charge)
    assert now.latest_charge.payment_method_details is not None
    assert now.latest_charge.payment_method_details.card is not None
    proof = now.latest_charge.payment_method_details.card.three_d_secure
    assert proof is not None
    assert "authenticated" == proof.result
    assert [
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    ] == account.event_types(intent.id)


def test_buyer_who_fails_may_pay_by_another_card(account: Account) -> None:
    """A failed authentication charges nothing, sets last_payment_error, and another card pays.

    docs.stripe.com/error-codes#payment-intent-authentication-failure
    """
    intent = challenged_intent(account)

    failed = authenticate(account, intent, "fail")

    assert ("requires_payment_method", None, None) == (
        failed.status,
        failed.next_action,
        failed.latest_charge,
    )
    assert failed.last_payment_error is not None
    assert "payment_intent_authentication_failure" == failed.last_payment_error.code
    assert [] == account.client.v1.charges.list({"payment_intent": intent.id}).data
    assert "payment_intent.payment_failed" == account.event_types(intent.id)[-1]
    paid = account.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert ("succeeded", None) == (paid.status, paid.last_payment_error)


@pytest.mark.parametrize(
    ("card", "decline_code"),
    [
        ("pm_card_threeDSecureRequiredChargeDeclined", "generic_decline"),
        (
            "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
            "insufficient_funds",
        ),
    ],
)
def test_authenticated_payment_may_be_declined(
    account: Account, card: str, decline_code: str
) -> None:
    """The bank may decline after a successful authentication."""
    intent = challenged_intent(account, card)

    declined = authenticate(account, intent, "succeed")

    assert declined.last_payment_error is not None
    assert ("requires_payment_method", "card_declined", decline_code) == (
        declined.status,
        declined.last_payment_error.code,
        declined.last_payment_error.decline_code,
    )
    assert isinstance(declined.latest_charge, stripe.Charge)
    assert "failed" == declined.latest_charge.status


@pytest.mark.parametrize("uses_sdk", [False, True])
def test_buyer_is_sent_to_a_page_or_shown_it(account: Account, *, uses_sdk: bool) -> None:
    """With a return_url the buyer is redirected, unless the call says use_stripe_sdk.

    docs.stripe.com/api/payment_intents/object#payment_intent_object-next_action
    """
    back = "https://example.com/back"

    intent = account.paid("pm_card_threeDSecure2Required", return_url=back, use_stripe_sdk=uses_sdk)

    assert intent.next_action is not None
    if uses_sdk:
        assert "use_stripe_sdk" == intent.next_action.type
    else:
        assert "redirect_to_url" == intent.next_action.type
        assert intent.next_action.redirect_to_url is not None
        assert back == intent.next_action.redirect_to_url.return_url


@pytest.mark.parametrize("option", ["off_session", "error_on_requires_action"])
def test_off_session_payment_cannot_authenticate(account: Account, option: str) -> None:
    """An off-session card is declined with authentication_required, and may pay otherwise.

    docs.stripe.com/error-codes#authentication-required
    """
    with pytest.raises(stripe.CardError) as decline:
        account.paid("pm_card_authenticationRequired", **{option: True})

    assert "authentication_required" == decline.value.code


def test_card_that_may_be_challenged_is_not(account: Account) -> None:
    """The fake omits an optional authentication."""
    assert "succeeded" == account.paid("pm_card_threeDSecureOptional").status


def test_paid_intent_cannot_authenticate(account: Account) -> None:
    """The control API refuses to authenticate a paid intent."""
    intent = account.paid()

    refusal = account.control.post(f"/payment_intents/{intent.id}/authenticate")

    assert 400 == refusal.status_code
