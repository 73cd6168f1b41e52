"""PaymentIntents before their payment: created, changed, read, canceled."""

from collections.abc import Callable

import pytest
import stripe

from tests.support.fake_server import Account


def test_new_intent_waits_for_a_payment_method(account: Account) -> None:
    """A new intent has Stripe's shape and requires a payment method."""
    intent = account.intent(metadata={"order_id": "o-1"}, receipt_email="buyer@example.com")

    assert intent.id.startswith("pi_")
    assert "requires_payment_method" == intent.status
    assert (5000, 0, "aud") == (intent.amount, intent.amount_received, intent.currency)
    assert {"order_id": "o-1"} == intent.metadata.to_dict()
    assert ["card"] == intent.payment_method_types
    assert str(intent.client_secret).startswith(f"{intent.id}_secret_")
    assert (None, None, False) == (intent.latest_charge, intent.canceled_at, intent.livemode)
    assert ["payment_intent.created"] == account.event_types(intent.id)


def test_intent_is_found_again(account: Account) -> None:
    """A retrieved intent equals the created one."""
    intent = account.intent()

    found = account.client.v1.payment_intents.retrieve(intent.id)

    assert intent.to_dict() == found.to_dict()


@pytest.mark.parametrize(
    ("params", "param", "code"),
    [
        ({"amount": 49}, "amount", "amount_too_small"),
        ({"amount": 100_000_000}, "amount", "amount_too_large"),
        ({"amount": "12.5"}, "amount", "parameter_invalid_integer"),
        ({"currency": "xxx"}, "currency", None),
        ({"description": ""}, "description", "parameter_invalid_empty"),
        ({"ammount": 1}, "ammount", "parameter_unknown"),
        ({"payment_method": "pm_none"}, "payment_method", "resource_missing"),
        (
            {"payment_method_types": ["klarna"]},
            "payment_method_types",
            "payment_intent_invalid_parameter",
        ),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", None),
    ],
)
def test_wrong_parameter_is_named(
    account: Account, params: dict[str, object], param: str, code: str | None
) -> None:
    """The error of a wrong parameter names it, and nothing is made."""
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.intent(**params)

    assert (400, param, code) == (
        refusal.value.http_status,
        refusal.value.param,
        refusal.value.code,
    )
    assert [] == account.client.v1.payment_intents.list().data


def test_missing_parameter_is_named(account: Account) -> None:
    """An intent without an amount is refused."""
    params: stripe.params.PaymentIntentCreateParams = {"currency": "aud"}  # type: ignore[typeddict-item] # the mistake under test

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.client.v1.payment_intents.create(params)

    assert ("amount", "parameter_missing") == (refusal.value.param, refusal.value.code)


def test_unknown_intent_is_404(account: Account) -> None:
    """An unknown id in the path is 404, with Stripe's code."""
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.client.v1.payment_intents.retrieve("pi_none")

    assert (404, "resource_missing") == (refusal.value.http_status, refusal.value.code)


def test_update_changes_an_open_intent(account: Account) -> None:
    """Amount and metadata change; an empty value deletes a key (docs.stripe.com/api/metadata)."""
    intent = account.intent(metadata={"a": "1", "b": "2"})

    changed = account.client.v1.payment_intents.update(
        intent.id, {"amount": 7000, "metadata": {"a": "", "c": "3"}}
    )

    assert 7000 == changed.amount
    assert {"b": "2", "c": "3"} == changed.metadata.to_dict()
    assert ["payment_intent.created"] == account.event_types(intent.id)


def test_amount_of_a_paid_intent_stays(account: Account) -> None:
    """A paid intent may change its metadata and not its amount."""
    intent = account.paid()

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.client.v1.payment_intents.update(intent.id, {"amount": 9000})
    noted = account.client.v1.payment_intents.update(intent.id, {"metadata": {"k": "v"}})

    assert "payment_intent_unexpected_state" == refusal.value.code
    assert {"k": "v"} == noted.metadata.to_dict()


def test_canceled_intent_cannot_be_paid(account: Account) -> None:
    """A cancel ends an intent, sends an event, and cannot be repeated.

    docs.stripe.com/api/payment_intents/cancel
    """
    intents = account.client.v1.payment_intents
    intent = account.intent()

    canceled = intents.cancel(intent.id, {"cancellation_reason": "abandoned"})

    assert ("canceled", "abandoned") == (canceled.status, canceled.cancellation_reason)
    assert canceled.canceled_at is not None
    assert ["payment_intent.created", "payment_intent.canceled"] == account.event_types(intent.id)
    for call in (intents.cancel, intents.confirm):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            call(intent.id)
        assert "payment_intent_unexpected_state" == refusal.value.code
        assert refusal.value.error is not None
        assert refusal.value.error.payment_intent is not None
        assert "canceled" == refusal.value.error.payment_intent.status


def test_paid_intent_cannot_be_canceled(account: Account) -> None:
    """A paid intent cannot be canceled, only refunded."""
    intent = account.paid()

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.client.v1.payment_intents.cancel(intent.id)

    assert "payment_intent_unexpected_state" == refusal.value.code


REFUSED_EMAILS = (
    "otto@com",
    "otto@localhost",
    "otto",
    "@example.test",
    "a b@example.test",
    "a@b..c",
)


@pytest.mark.parametrize("email", REFUSED_EMAILS)
def test_address_without_a_whole_domain_is_refused(account: Account, email: str) -> None:
    """Stripe refuses some addresses that Auth accepts, for an intent and for a customer."""
    intent = account.intent()
    calls: list[Callable[[], object]] = [
        lambda: account.intent(receipt_email=email),
        lambda: account.client.v1.payment_intents.update(intent.id, {"receipt_email": email}),
        lambda: account.client.v1.customers.create({"email": email}),
    ]

    for call in calls:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            call()
        assert "email_invalid" == refusal.value.code
