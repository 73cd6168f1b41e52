"""What each Stripe payment event means to us: read it, name it, commit it with one call."""

import functools
from collections.abc import Mapping
from typing import Any

import structlog

from market import inbox
from market.database import Database
from market.errors import RejectedError
from market.payments import repository
from market.payments.types import CapturedPayment, DeclinedPayment, Refund
from market.stripe_api import StripeApi
from market.stripe_webhook import StripeEvent


log = structlog.get_logger(__name__)


def stripe_handlers(stripe_api: StripeApi, database: Database) -> inbox.Handlers:
    """Return a handler for each type of event that payments care about.

    Each gets the adapters it needs here, so that whoever calls it has only the event to give.
    """
    refund_changed = functools.partial(_handle_refund_changed, stripe_api, database)
    return {
        "payment_intent.succeeded": functools.partial(_handle_payment_succeeded, database),
        "payment_intent.payment_failed": functools.partial(_handle_payment_failed, database),
        "payment_intent.canceled": functools.partial(_handle_payment_canceled, database),
        "charge.refunded": functools.partial(_handle_charge_refunded, stripe_api, database),
        "charge.refund.updated": refund_changed,
        "refund.created": refund_changed,
        "refund.failed": refund_changed,
        "refund.updated": refund_changed,
    }


def captured_payment(intent: Mapping[str, Any], order_id: str) -> CapturedPayment:
    """Return what Stripe holds for an order, as its intent says it."""
    return CapturedPayment(
        order_id=order_id,
        payment_intent_id=intent["id"],
        # Older versions of the API list charges instead.
        charge_id=intent.get("latest_charge"),
        amount_cents=intent["amount_received"],
        currency=intent["currency"],
        buyer_id=_metadata_of(intent).get("buyer_id"),
    )


def _metadata_of(stripe_object: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = stripe_object.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _handle_payment_succeeded(database: Database, event: StripeEvent) -> inbox.Outcome:
    """Settle the order that the intent was made for."""
    order_id = _metadata_of(event.data).get("order_id")
    if order_id is None:
        # Checkout tags every intent with its order, so this one was not made by us.
        return inbox.ignore(database, event, reason="order_id_missing")

    payment = captured_payment(event.data, order_id)
    outcome = repository.apply_payment_succeeded(database, payment, event_id=event.id)
    log.info("payment_applied", event_id=event.id, order_id=order_id, outcome=outcome)
    return outcome


def _handle_payment_failed(database: Database, event: StripeEvent) -> inbox.Outcome:
    """Note a decline; the buyer may try again with the same intent."""
    intent = event.data
    order_id = _metadata_of(intent).get("order_id")
    if order_id is None:
        return inbox.ignore(database, event, reason="order_id_missing")

    error = intent.get("last_payment_error") or {}
    declined = DeclinedPayment(
        order_id=order_id,
        payment_intent_id=intent["id"],
        charge_id=error.get("charge") or intent.get("latest_charge"),
        # Stripe's code, not its sentence, which may quote what the buyer has typed.
        error_message=error.get("decline_code") or error.get("code") or "unknown",
    )
    outcome = repository.apply_payment_failed(database, declined, event_id=event.id)
    log.info("payment_declined", event_id=event.id, order_id=order_id, outcome=outcome)
    return outcome


def _handle_payment_canceled(database: Database, event: StripeEvent) -> inbox.Outcome:
    """Detach the intent; only an order's current one matters, and no order is cancelled by it."""
    order_id = _metadata_of(event.data).get("order_id")
    if order_id is None:
        return inbox.ignore(database, event, reason="order_id_missing")

    outcome = repository.apply_payment_canceled(
        database, order_id=order_id, payment_intent_id=event.data["id"], event_id=event.id
    )
    log.info("payment_intent_canceled", event_id=event.id, order_id=order_id, outcome=outcome)
    return outcome


def _handle_refund_changed(
    stripe_api: StripeApi, database: Database, event: StripeEvent
) -> inbox.Outcome:
    """Take over what has become of a refund."""
    # Events overtake one another, so this one only rings: Stripe says how things stand now.
    current = stripe_api.retrieve_refund(event.data["id"])
    return _apply_refund(stripe_api, database, event, current)


def _handle_charge_refunded(
    stripe_api: StripeApi, database: Database, event: StripeEvent
) -> inbox.Outcome:
    """Take over the refund that a charge tells of; the charge itself names none."""
    payment_intent_id = event.data.get("payment_intent")
    if payment_intent_id is None:
        return inbox.ignore(database, event, reason="payment_intent_missing")
    refunds = stripe_api.list_refunds(payment_intent_id)
    if not refunds:
        return inbox.ignore(database, event, reason="refund_missing")

    # Each refund has its own event as well; of several this one means the last made by its time.
    made_by_then = [refund for refund in refunds if refund["created"] <= event.created]
    current = max(made_by_then or refunds, key=lambda refund: int(refund["created"]))
    return _apply_refund(stripe_api, database, event, current)


def _apply_refund(
    stripe_api: StripeApi, database: Database, event: StripeEvent, current: Mapping[str, Any]
) -> inbox.Outcome:
    payment_intent_id = current.get("payment_intent")
    if payment_intent_id is None:
        # Every charge of ours belongs to an intent.
        return inbox.ignore(database, event, reason="payment_intent_missing")

    refund = Refund(
        stripe_refund_id=current["id"],
        outbox_id=_metadata_of(current).get("outbox_id"),
        payment_intent_id=payment_intent_id,
        amount_cents=current["amount"],
        status=current["status"],
    )
    try:
        outcome = repository.apply_refund(database, refund, event_id=event.id)
    except RejectedError as error:
        if error.code != "INTENT_UNKNOWN":
            raise
        # We have no such payment: the intent itself says whether it is one of ours.
        intent = stripe_api.retrieve_payment_intent(payment_intent_id)
        order_ref = _metadata_of(intent).get("order_id")
        if order_ref is None:
            return inbox.ignore(database, event, reason="order_id_missing")
        outcome = repository.apply_refund(database, refund, event_id=event.id, order_ref=order_ref)
    log.info("refund_applied", event_id=event.id, refund_id=current["id"], outcome=outcome)
    return outcome
