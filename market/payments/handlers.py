"""Handle Stripe's payment events: read the event, then make one SQL call."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from market import inbox
from market.database import Database
from market.errors import RejectedError
from market.payments import repository
from market.payments.types import CapturedPayment, DeclinedPayment, Refund
from market.stripe_api import StripeApi
from market.stripe_objects import cents_in, currency_in, object_in, order_ref_in, text_in, time_in
from market.stripe_webhook import StripeEvent


log = structlog.get_logger(__name__)


def stripe_handlers(stripe_api: StripeApi, database: Database) -> inbox.Handlers:
    """Return the handler of each payment event, with the adapters that it needs."""
    refund_changed = functools.partial(_handle_refund_changed, stripe_api, database)
    return {
        "payment_intent.succeeded": inbox.Reader(_read_payment_succeeded),
        "payment_intent.payment_failed": inbox.Reader(_read_payment_failed),
        "payment_intent.amount_capturable_updated": inbox.Reader(_read_payment_authorized),
        "payment_intent.canceled": inbox.Reader(_read_payment_canceled),
        "charge.refunded": functools.partial(_handle_charge_refunded, stripe_api, database),
        "charge.refund.updated": refund_changed,
        "refund.created": refund_changed,
        "refund.failed": refund_changed,
        "refund.updated": refund_changed,
    }


def captured_payment(intent: Mapping[str, Any], order_id: str) -> CapturedPayment:
    """Return the money that Stripe received through the intent of an order."""
    return CapturedPayment(
        order_id=order_id,
        payment_intent_id=text_in(intent, "id"),
        # Older versions of Stripe's API have a list of charges instead of this field.
        charge_id=text_in(intent, "latest_charge"),
        amount_cents=cents_in(intent, "amount_received"),
        currency=currency_in(intent),
        buyer_id=text_in(object_in(intent, "metadata"), "buyer_id"),
    )


def refund_in(stripe_object: Mapping[str, Any]) -> Refund:
    """Return the refund that Stripe's object describes.

    Raises:
        RejectedError: `PAYLOAD_UNREADABLE` if it names no intent.

    """
    return Refund(
        stripe_refund_id=text_in(stripe_object, "id"),
        outbox_id=text_in(object_in(stripe_object, "metadata"), "outbox_id"),
        payment_intent_id=_intent_id_in(stripe_object),
        amount_cents=cents_in(stripe_object, "amount"),
        status=text_in(stripe_object, "status"),
    )


def apply_to_intent(
    stripe_api: StripeApi,
    database: Database,
    event: StripeEvent,
    payment_intent_id: str | None,
    apply: Callable[..., inbox.Outcome],
) -> inbox.Outcome:
    """Call `apply`; if the database does not know the intent, name the order in its metadata."""
    try:
        return apply()
    except RejectedError as error:
        if error.code != "INTENT_UNKNOWN":
            raise
    if payment_intent_id is None:
        # All our charges belong to an intent, so this one is not ours.
        return inbox.ignore(database, event, reason="payment_intent_missing")
    intent = stripe_api.retrieve_payment_intent(payment_intent_id)
    order_ref = order_ref_in(intent)
    if order_ref is None:
        return inbox.ignore(database, event, reason="order_id_missing")
    return apply(order_ref=order_ref)


def _read_payment_succeeded(event: StripeEvent) -> inbox.Effect:
    """Settle the order that the intent was made for."""
    order_id = order_ref_in(event.data)
    if order_id is None:
        # We write the order into the metadata of every intent, so this intent is not ours.
        return inbox.ignored("order_id_missing")
    return repository.payment_succeeded(captured_payment(event.data, order_id))


def _read_payment_failed(event: StripeEvent) -> inbox.Effect:
    """Record a decline; the buyer may try again with the same intent."""
    intent = event.data
    order_id = order_ref_in(intent)
    if order_id is None:
        return inbox.ignored("order_id_missing")

    error = object_in(intent, "last_payment_error")
    declined = DeclinedPayment(
        order_id=order_id,
        payment_intent_id=text_in(intent, "id"),
        charge_id=text_in(error, "charge") or text_in(intent, "latest_charge"),
        # Store a code and not the message, because the message may quote the buyer's input.
        error_message=text_in(error, "decline_code") or text_in(error, "code") or "unknown",
    )
    return repository.payment_failed(declined)


def _read_payment_authorized(event: StripeEvent) -> inbox.Effect:
    """Record the amount that could be captured; our own intents are captured at once."""
    order_id = order_ref_in(event.data)
    if order_id is None:
        return inbox.ignored("order_id_missing")
    return repository.payment_authorized(
        order_id=order_id,
        payment_intent_id=text_in(event.data, "id"),
        capturable_cents=cents_in(event.data, "amount_capturable"),
    )


def _read_payment_canceled(event: StripeEvent) -> inbox.Effect:
    """Detach a canceled intent from its order; the order is not cancelled."""
    order_id = order_ref_in(event.data)
    if order_id is None:
        return inbox.ignored("order_id_missing")
    return repository.payment_canceled(
        order_id=order_id, payment_intent_id=text_in(event.data, "id")
    )


def _handle_refund_changed(
    stripe_api: StripeApi, database: Database, event: StripeEvent
) -> inbox.Outcome:
    """Apply the current state of the refund that the event names."""
    refund_id = text_in(event.data, "id")
    # Events may arrive out of order, so read the refund from Stripe again. Without a refund id, SQL
    # still looks for the order, and refuses the event as unreadable.
    refund = event.data if refund_id is None else stripe_api.retrieve_refund(refund_id)
    return _apply_refund(stripe_api, database, event, refund)


def _handle_charge_refunded(
    stripe_api: StripeApi, database: Database, event: StripeEvent
) -> inbox.Outcome:
    """Apply the refund that the event is about; the event holds the charge and no refund."""
    if event.data.get("payment_intent") is None:
        return inbox.ignore(database, event, reason="payment_intent_missing")
    refunds = stripe_api.list_refunds(_intent_id_in(event.data))
    if not refunds:
        return inbox.ignore(database, event, reason="refund_missing")

    # Every refund also causes an event of its own. This event is about the refund that was the
    # newest when Stripe made the event.
    made_by_then = [refund for refund in refunds if _created_at(refund) <= event.created]
    newest = max(made_by_then or refunds, key=_created_at)
    return _apply_refund(stripe_api, database, event, newest)


def _created_at(refund: Mapping[str, Any]) -> int:
    return time_in(refund, "created") or 0


def _intent_id_in(stripe_object: Mapping[str, Any]) -> str:
    intent_id = text_in(stripe_object, "payment_intent")
    if intent_id is None:
        raise RejectedError("PAYLOAD_UNREADABLE", "payment_intent")
    return intent_id


def _apply_refund(
    stripe_api: StripeApi, database: Database, event: StripeEvent, current: Mapping[str, Any]
) -> inbox.Outcome:
    if current.get("payment_intent") is None:
        # All our charges belong to an intent, so this refund is not of one of them.
        return inbox.ignore(database, event, reason="payment_intent_missing")

    refund = refund_in(current)
    outcome = apply_to_intent(
        stripe_api,
        database,
        event,
        refund.payment_intent_id,
        functools.partial(repository.apply_refund, database, refund, event_id=event.id),
    )
    log.info(
        "refund_applied", event_id=event.id, refund_id=refund.stripe_refund_id, outcome=outcome
    )
    return outcome
