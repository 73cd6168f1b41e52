"""Payments at Stripe that no event has reported: open intents, pending refunds, unused intents."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from market import stripe_lists
from market.database import Database
from market.duties import Duty
from market.errors import RejectedError
from market.inbox import Outcome
from market.payments import repository
from market.payments.handlers import captured_payment, refund_in
from market.payments.intents import OPEN_STATUSES
from market.stripe_api import StripeApi
from market.stripe_lists import Window
from market.stripe_objects import object_in, order_ref_in, text_in


log = structlog.get_logger(__name__)

#: Within this time the request that made an intent may still attach it.
_UNUSED_FOR_S = 3600


def duties(stripe_api: StripeApi, database: Database) -> Sequence[Duty]:
    """Return the duties of the payments domain, with the adapters that they need."""
    return [
        Duty(
            name="open_intents",
            work=lambda limit: reread_intents(stripe_api, database, limit=limit),
        ),
        Duty(
            name="pending_refunds",
            work=lambda limit: reread_refunds(stripe_api, database, limit=limit),
        ),
        Duty(name="unused_intents", work=lambda _: cancel_unused_intents(stripe_api, database)),
    ]


def reread_intents(stripe_api: StripeApi, database: Database, *, limit: int) -> int:
    """Read open intents from Stripe again, and apply those that were paid or canceled."""
    claimed = repository.claim_open_intents(database, limit=limit)
    for payment_intent_id, order_id in claimed:
        try:
            intent = stripe_api.retrieve_payment_intent(payment_intent_id)
        except RejectedError as error:
            log.warning("intent_unreadable", payment_intent_id=payment_intent_id, code=error.code)
            continue
        payment = captured_payment(intent, order_id)
        outcome = repository.record_intent(database, payment, status=text_in(intent, "status"))
        if outcome is Outcome.PROCESSED:
            log.warning("intent_changed_without_event", payment_intent_id=payment_intent_id)
    return len(claimed)


def reread_refunds(stripe_api: StripeApi, database: Database, *, limit: int) -> int:
    """Read pending refunds from Stripe again, and apply those that have ended."""
    claimed = repository.claim_open_refunds(database, limit=limit)
    for refund_id in claimed:
        try:
            refund = refund_in(stripe_api.retrieve_refund(refund_id))
        except RejectedError as error:
            log.warning("refund_unreadable", refund_id=refund_id, code=error.code)
            continue
        if repository.record_refund(database, refund) is Outcome.PROCESSED:
            log.warning("refund_changed_without_event", refund_id=refund_id)
    return len(claimed)


def cancel_unused_intents(stripe_api: StripeApi, database: Database) -> int:
    """Have intents canceled that Stripe made for our orders and that no order uses.

    Stripe makes one when its answer to our call is lost. Nobody has its secret. Return their
    number.
    """
    count = 0

    def read(window: Window) -> int:
        nonlocal count
        page_count = 0
        pages = stripe_api.list_payment_intents_between(
            since=window.since - _UNUSED_FOR_S, until=window.until - _UNUSED_FOR_S
        )
        for page in pages:
            page_count += 1
            unused = [
                (intent["id"], order_ref)
                for intent in page
                if (order_ref := _order_of_open(intent)) is not None
            ]
            count += repository.discard_unattached_intents(database, unused)
        return page_count

    stripe_lists.read_on(database, "payment_intents", read)
    return count


def _order_of_open(intent: Mapping[str, Any]) -> str | None:
    """Return the order of an open intent that we made, else None."""
    dedupe_key = text_in(object_in(intent, "metadata"), "dedupe_key") or ""
    is_ours = dedupe_key.startswith("intent:")
    return order_ref_in(intent) if is_ours and text_in(intent, "status") in OPEN_STATUSES else None
