"""Handle Stripe's dispute events: read the dispute again, then make one SQL call."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import structlog

from market import inbox
from market.database import Database
from market.errors import RejectedError
from market.payments import repository
from market.payments.handlers import apply_to_intent
from market.payments.types import Dispute
from market.stripe_api import StripeApi
from market.stripe_objects import cents_in, currency_in, moved_cents_in, text_in, time_in
from market.stripe_webhook import StripeEvent


log = structlog.get_logger(__name__)

_EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
)


def stripe_handlers(stripe_api: StripeApi, database: Database) -> Mapping[str, inbox.Handler]:
    """Return the handler of each dispute event, with the adapters that it needs."""
    return dict.fromkeys(_EVENTS, functools.partial(_handle_dispute_changed, stripe_api, database))


def dispute_in(stripe_object: Mapping[str, Any]) -> Dispute:
    """Return the dispute that Stripe's object describes.

    The money that moved follows from the amounts of its balance transactions. Their net amounts
    also contain Stripe's fees.
    """
    moved = list(_moved_cents(stripe_object))
    known = None if None in moved else [cents for cents in moved if cents]
    return Dispute(
        stripe_dispute_id=text_in(stripe_object, "id"),
        payment_intent_id=text_in(stripe_object, "payment_intent"),
        charge_id=text_in(stripe_object, "charge"),
        amount_cents=cents_in(stripe_object, "amount"),
        currency=currency_in(stripe_object),
        status=text_in(stripe_object, "status"),
        reason=text_in(stripe_object, "reason"),
        withdrawn_cents=None if known is None else -sum(cents for cents in known if cents < 0),
        reinstated_cents=None if known is None else sum(cents for cents in known if cents > 0),
        created=time_in(stripe_object, "created"),
    )


def _handle_dispute_changed(
    stripe_api: StripeApi, database: Database, event: StripeEvent
) -> inbox.Outcome:
    """Apply the current state of the dispute that the event names."""
    dispute_id = text_in(event.data, "id")
    # Events may arrive out of order, so read the dispute from Stripe again. Without an id, SQL
    # refuses the event as unreadable.
    current = event.data if dispute_id is None else stripe_api.retrieve_dispute(dispute_id)
    dispute = dispute_in(current)
    if dispute.payment_intent_id is None and current.get("payment_intent") is not None:
        raise RejectedError("PAYLOAD_UNREADABLE", "payment_intent")

    outcome = apply_to_intent(
        stripe_api,
        database,
        event,
        dispute.payment_intent_id,
        functools.partial(repository.apply_dispute, database, dispute, event_id=event.id),
    )
    log.info(
        "dispute_applied",
        event_id=event.id,
        dispute_id=dispute.stripe_dispute_id,
        status=dispute.status,
        outcome=outcome,
    )
    return outcome


def _moved_cents(dispute: Mapping[str, Any]) -> Iterator[int | None]:
    """Yield the amount of each balance transaction, or None where it has another form.

    A withdrawal is negative, money that comes back is positive.
    """
    transactions = dispute.get("balance_transactions")
    if not isinstance(transactions, list):
        yield None
        return
    for transaction in transactions:
        amount = moved_cents_in(transaction) if isinstance(transaction, Mapping) else None
        if amount is None or transaction.get("currency") == dispute.get("currency"):
            yield amount
        else:
            # Stripe converts the money of a foreign payment. The books keep the payment's currency.
            disputed = cents_in(dispute, "amount")
            yield disputed if disputed is None or amount > 0 else -disputed
