"""A PaymentIntent for an order: made once per try, however many ask, and confirmed once."""

from collections.abc import Mapping
from typing import Any

import structlog

from market.database import Database
from market.errors import MarketError, RejectedError
from market.payments import repository
from market.payments.handlers import captured_payment
from market.payments.types import OpenIntent, PaidOrder, PaymentTerms
from market.stripe_api import StripeApi


log = structlog.get_logger(__name__)

#: Stripe replays an error under its key for a day, so a try gets another key after an error.
_KEYS_PER_ATTEMPT = 3


def open_intent(
    stripe_api: StripeApi,
    database: Database,
    *,
    order_id: str,
    buyer_id: str,
    amount_cents: int,
    currency: str,
) -> OpenIntent:
    """Return the intent that the buyer pays this order with, the same for all who ask at once.

    `amount_cents` and `currency` are what the buyer was shown; what is charged comes from the
    order alone.

    Raises:
        RejectedError: `VALIDATION_ERROR` when the buyer was shown something else,
            `RESOURCE_NOT_FOUND`, `FORBIDDEN`, `TRANSACTION_FAILED`, or `CONFLICT` to ask again.

    """
    try:
        return _begun(stripe_api, database, order_id, buyer_id, (amount_cents, currency))
    except RejectedError as error:
        if error.code != "CONFLICT":
            raise
    # The try was overtaken; what overtook it is there by now.
    return _begun(stripe_api, database, order_id, buyer_id, (amount_cents, currency))


def confirm(
    stripe_api: StripeApi,
    database: Database,
    *,
    order_id: str,
    payment_intent_id: str,
    buyer_id: str,
) -> PaidOrder:
    """Settle an order by an intent that the buyer's browser says has succeeded.

    The browser only rings: Stripe is asked, and the database decides. Idempotent with the event
    about the same intent, whichever comes first.

    Raises:
        RejectedError: `TRANSACTION_FAILED` when the intent has not succeeded or does not fit,
            `VALIDATION_ERROR` when it was made for another order, `FORBIDDEN` for another buyer,
            `RESOURCE_NOT_FOUND`.

    """
    intent = stripe_api.retrieve_payment_intent(payment_intent_id)
    metadata = intent.get("metadata") or {}
    if metadata.get("order_id") != order_id:
        raise RejectedError("VALIDATION_ERROR", text="This payment is for something else")
    if metadata.get("buyer_id") != buyer_id:
        raise RejectedError("FORBIDDEN", text="Only the buyer can confirm this payment")
    if intent["status"] != "succeeded":
        raise RejectedError(
            "TRANSACTION_FAILED",
            text="Payment not completed",
            fields={"paymentStatus": intent["status"]},
        )
    payment = captured_payment(intent, order_id)
    paid = repository.confirm_payment(database, payment, user_id=buyer_id)
    log.info("payment_confirmed", order_id=order_id, payment_intent_id=payment_intent_id)
    return paid


def _begun(
    stripe_api: StripeApi,
    database: Database,
    order_id: str,
    buyer_id: str,
    shown: tuple[int, str],
) -> OpenIntent:
    terms = repository.begin_payment(database, order_id=order_id, buyer_id=buyer_id)
    _check_shown(terms, *shown)
    return _open_for(stripe_api, database, terms)


def _check_shown(terms: PaymentTerms, amount_cents: int, currency: str) -> None:
    if currency.lower() != terms.currency:
        raise RejectedError("VALIDATION_ERROR", text="Currency does not match the order")
    if amount_cents != terms.amount_cents:
        raise RejectedError("VALIDATION_ERROR", text="Amount does not match the order")


def _open_for(stripe_api: StripeApi, database: Database, terms: PaymentTerms) -> OpenIntent:
    if terms.payment_intent_id is not None:
        return _opened(stripe_api.retrieve_payment_intent(terms.payment_intent_id))

    intent = _created(stripe_api, terms)
    current_id = repository.attach_payment_intent(database, terms, intent["id"])
    log.info("payment_intent_attached", order_id=terms.order_id, payment_intent_id=current_id)
    if current_id != intent["id"]:
        # Another call was first. SQL has ours canceled, and nobody was given its secret.
        intent = stripe_api.retrieve_payment_intent(current_id)
    return _opened(intent)


def _opened(intent: Mapping[str, Any]) -> OpenIntent:
    if intent["status"] == "succeeded":
        raise RejectedError("TRANSACTION_FAILED", text="Order is already paid")
    if intent["status"] == "canceled":
        # The event about it is on its way, and makes room for another intent.
        raise RejectedError("CONFLICT", text="Please start the payment again")
    return OpenIntent(payment_intent_id=intent["id"], client_secret=intent["client_secret"])


def _created(stripe_api: StripeApi, terms: PaymentTerms) -> Mapping[str, Any]:
    parameters = {
        "amount": terms.amount_cents,
        "currency": terms.currency,
        # No delayed debits: the order waits for two days, not for a bank.
        "payment_method_types": ["card"],
        "metadata": {
            "order_id": terms.order_id,
            "buyer_id": terms.buyer_id,
            "listing_title": terms.listing_title,
        },
    }
    if terms.receipt_email is not None:
        parameters["receipt_email"] = terms.receipt_email
    # All callers walk through the same keys in the same order, so they end at the same intent.
    *first, last = (
        f"intent:{terms.order_id}:{terms.attempt}:{error_count}"
        for error_count in range(_KEYS_PER_ATTEMPT)
    )
    for key in first:
        try:
            return stripe_api.create_payment_intent(parameters, idempotency_key=key)
        except MarketError as error:
            if error.code != "STRIPE_ERROR":
                raise
            log.warning("payment_intent_not_made", order_id=terms.order_id, code=error.code)
    return stripe_api.create_payment_intent(parameters, idempotency_key=last)
