"""A PaymentIntent for an order: one per attempt to pay, and its confirmation."""

from collections.abc import Mapping
from typing import Any

import structlog

from market.database import Database
from market.errors import MarketError, RejectedError
from market.payments import repository
from market.payments.handlers import captured_payment
from market.payments.types import OpenIntent, PaidOrder, PaymentTerms
from market.stripe_api import StripeApi
from market.stripe_errors import ANSWERED_CODES
from market.stripe_objects import made_under, object_in, text_in


log = structlog.get_logger(__name__)

#: `STRIPE_REFUSED` is missing, because Stripe would refuse the same call again. After
#: `STRIPE_EMAIL_REFUSED` the next call differs: it has no address for a receipt.
_BEGIN_AGAIN = frozenset({"CONFLICT", "STRIPE_ERROR", "STRIPE_EMAIL_REFUSED"})
#: Stripe keeps a key for a day, so a hidden intent was made at most a day before the error. The
#: extra hour allows for clocks that differ.
_HIDDEN_FOR_S = 25 * 3600
#: An intent with one of these can be paid or canceled.
OPEN_STATUSES = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


def open_intent(
    stripe_api: StripeApi,
    database: Database,
    *,
    order_id: str,
    buyer_id: str,
    amount_cents: int,
    currency: str,
) -> OpenIntent:
    """Return the intent to pay an order with; concurrent calls get the same one.

    `amount_cents` and `currency` are those on the buyer's screen. The charge itself follows from
    the order alone.

    Raises:
        RejectedError: `VALIDATION_ERROR` if the screen shows other terms than the order has,
            `RESOURCE_NOT_FOUND`, `FORBIDDEN`, `TRANSACTION_FAILED`, `STRIPE_REFUSED`, or
            `CONFLICT` to call again.
        MarketError: `STRIPE_ERROR`; the next call uses another idempotency key.

    """
    try:
        return _begin(stripe_api, database, order_id, buyer_id, (amount_cents, currency))
    except MarketError as error:
        if error.code not in _BEGIN_AGAIN:
            raise
    # The terms have changed: another call attached its intent first, or the error was counted,
    # which changes the key.
    return _begin(stripe_api, database, order_id, buyer_id, (amount_cents, currency))


def confirm(
    stripe_api: StripeApi,
    database: Database,
    *,
    order_id: str,
    payment_intent_id: str,
    buyer_id: str,
) -> PaidOrder:
    """Settle an order by an intent that the buyer's browser reports as succeeded.

    The intent is read from Stripe, and the database decides. The event about the same intent may
    come earlier or later; one of the two takes effect.

    Raises:
        RejectedError: `TRANSACTION_FAILED` if the intent has not succeeded or does not fit,
            `VALIDATION_ERROR` if it was made for another order, `FORBIDDEN` for another buyer,
            `RESOURCE_NOT_FOUND`.

    """
    intent = stripe_api.retrieve_payment_intent(payment_intent_id)
    metadata = object_in(intent, "metadata")
    if metadata.get("order_id") != order_id:
        raise RejectedError("VALIDATION_ERROR", text="This payment is for something else")
    if metadata.get("buyer_id") != buyer_id:
        raise RejectedError("FORBIDDEN", text="Only the buyer can confirm this payment")
    status = text_in(intent, "status")
    if status != "succeeded":
        raise RejectedError(
            "TRANSACTION_FAILED",
            text="Payment not completed",
            fields={"paymentStatus": status},
        )
    payment = captured_payment(intent, order_id)
    paid = repository.confirm_payment(database, payment, user_id=buyer_id)
    log.info("payment_confirmed", order_id=order_id, payment_intent_id=payment_intent_id)
    return paid


def _begin(
    stripe_api: StripeApi,
    database: Database,
    order_id: str,
    buyer_id: str,
    shown: tuple[int, str],
) -> OpenIntent:
    terms = repository.begin_payment(database, order_id=order_id, buyer_id=buyer_id)
    _check_shown(terms, *shown)
    if terms.payment_intent_id is not None:
        return _opened(stripe_api.retrieve_payment_intent(terms.payment_intent_id))

    intent = _hidden_intent(stripe_api, terms) or _create(stripe_api, database, terms)
    return _attach(stripe_api, database, terms, intent)


def _check_shown(terms: PaymentTerms, amount_cents: int, currency: str) -> None:
    if currency.lower() != terms.currency:
        raise RejectedError("VALIDATION_ERROR", text="Currency does not match the order")
    if amount_cents != terms.amount_cents:
        raise RejectedError("VALIDATION_ERROR", text="Amount does not match the order")


def _dedupe_key(terms: PaymentTerms) -> str:
    return f"intent:{terms.order_id}:{terms.attempt}"


def _hidden_intent(stripe_api: StripeApi, terms: PaymentTerms) -> Mapping[str, Any] | None:
    """Return the open intent that Stripe made although it answered an error, or None.

    Stripe may answer 500 after it made the intent. A call under another key would make a second.
    """
    if terms.first_error is None:
        return None
    since = terms.first_error - _HIDDEN_FOR_S
    listed = stripe_api.list_payment_intents(created_since=since)
    can_be_paid = (intent for intent in listed if text_in(intent, "status") in OPEN_STATUSES)
    return made_under(_dedupe_key(terms), can_be_paid)


def _create(stripe_api: StripeApi, database: Database, terms: PaymentTerms) -> Mapping[str, Any]:
    key = f"{_dedupe_key(terms)}:{terms.answered_errors}"
    try:
        return stripe_api.create_payment_intent(_parameters(terms), idempotency_key=key)
    except MarketError as error:
        if error.code in ANSWERED_CODES:
            repository.record_intent_error(database, terms, error.code)
            log.warning("payment_intent_not_made", order_id=terms.order_id, code=error.code)
        raise


def _parameters(terms: PaymentTerms) -> Mapping[str, Any]:
    parameters = {
        "amount": terms.amount_cents,
        "currency": terms.currency,
        # Accept cards only: a bank debit may take longer than the two days that an order stays
        # unpaid.
        "payment_method_types": ["card"],
        "metadata": {
            "order_id": terms.order_id,
            "buyer_id": terms.buyer_id,
            "listing_title": terms.listing_title,
            "dedupe_key": _dedupe_key(terms),
        },
    }
    if terms.receipt_email is not None:
        parameters["receipt_email"] = terms.receipt_email
    return parameters


def _attach(
    stripe_api: StripeApi, database: Database, terms: PaymentTerms, intent: Mapping[str, Any]
) -> OpenIntent:
    current_id = repository.attach_payment_intent(database, terms, intent["id"])
    log.info("payment_intent_attached", order_id=terms.order_id, payment_intent_id=current_id)
    if current_id != intent["id"]:
        # Another call attached its intent first. SQL queued the cancellation of ours, and no
        # browser has received its secret.
        intent = stripe_api.retrieve_payment_intent(current_id)
    return _opened(intent)


def _opened(intent: Mapping[str, Any]) -> OpenIntent:
    status, client_secret = text_in(intent, "status"), text_in(intent, "client_secret")
    if status == "succeeded":
        raise RejectedError("TRANSACTION_FAILED", text="Order is already paid")
    if status == "canceled":
        # Stripe's event about the cancellation will detach this intent. Then a call can make
        # another.
        raise RejectedError("CONFLICT", text="Please start the payment again")
    if client_secret is None:
        raise MarketError("STRIPE_ERROR", "client_secret")
    return OpenIntent(payment_intent_id=intent["id"], client_secret=client_secret)
