"""Money at Stripe that no event has reported: intents, refunds, and movements of our balance."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import structlog

from market import stripe_lists
from market.database import Database
from market.duties import Duty, rpc
from market.errors import RejectedError
from market.inbox import Outcome
from market.payments import repository
from market.payments.disputes import dispute_in
from market.payments.handlers import captured_payment, refund_in
from market.payments.intents import OPEN_STATUSES
from market.payments.types import Movement
from market.stripe_api import StripeApi
from market.stripe_lists import Page, Window
from market.stripe_objects import (
    currency_in,
    moved_cents_in,
    object_in,
    order_ref_in,
    text_in,
    time_in,
)


log = structlog.get_logger(__name__)

#: The objects at Stripe whose money belongs to an order.
_SOURCES = frozenset({"charge", "refund", "dispute", "transfer", "transfer_reversal"})
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
        Duty(
            name="open_disputes",
            work=lambda limit: reread_disputes(stripe_api, database, limit=limit),
        ),
        Duty(
            name="differing_orders",
            work=lambda limit: reread_differing_orders(stripe_api, database, limit=limit),
        ),
        rpc(database, "refund_refused_strays"),
        Duty(name="unused_intents", work=lambda _: cancel_unused_intents(stripe_api, database)),
        Duty(name="balance", work=lambda _: read_balance(stripe_api, database)),
    ]


def reread_intents(stripe_api: StripeApi, database: Database, *, limit: int) -> int:
    """Read open intents from Stripe again, and apply those that were paid or canceled."""
    claimed = repository.claim_open_intents(database, limit=limit)
    for payment_intent_id, order_id in claimed:
        with _noticed(payment_intent_id):
            _reread_intent(stripe_api, database, payment_intent_id, order_id)
    return len(claimed)


def reread_refunds(stripe_api: StripeApi, database: Database, *, limit: int) -> int:
    """Read pending refunds from Stripe again, and apply those that have ended."""
    claimed = repository.claim_open_refunds(database, limit=limit)
    for refund_id in claimed:
        with _noticed(refund_id):
            _record_refund(database, stripe_api.retrieve_refund(refund_id))
    return len(claimed)


def reread_disputes(stripe_api: StripeApi, database: Database, *, limit: int) -> int:
    """Read open disputes from Stripe again, and apply those that have changed."""
    claimed = repository.claim_open_disputes(database, limit=limit)
    for dispute_id in claimed:
        with _noticed(dispute_id):
            _record_dispute(database, stripe_api.retrieve_dispute(dispute_id))
    return len(claimed)


def reread_differing_orders(stripe_api: StripeApi, database: Database, *, limit: int) -> int:
    """Read the intents, refunds and disputes again of orders that differ from Stripe."""
    claimed = repository.claim_differing_intents(database, limit=limit)
    for payment_intent_id, order_id in claimed:
        with _noticed(payment_intent_id):
            _reread_intent(stripe_api, database, payment_intent_id, order_id)
            for refund in reversed(stripe_api.list_refunds(payment_intent_id)):
                _record_refund(database, refund)
            for dispute in reversed(stripe_api.list_disputes(payment_intent_id)):
                _record_dispute(database, dispute)
    return len(claimed)


@contextlib.contextmanager
def _noticed(object_id: str) -> Iterator[None]:
    # An object that Stripe does not have must not stop the others.
    try:
        yield
    except RejectedError as error:
        log.warning("object_unreadable", object_id=object_id, code=error.code, detail=error.detail)


def _reread_intent(
    stripe_api: StripeApi, database: Database, payment_intent_id: str, order_id: str
) -> None:
    intent = stripe_api.retrieve_payment_intent(payment_intent_id)
    payment = captured_payment(intent, order_id)
    outcome = repository.record_intent(
        database,
        payment,
        status=text_in(intent, "status"),
        # By it SQL knows an intent of ours that a restored database has forgotten.
        dedupe_key=text_in(object_in(intent, "metadata"), "dedupe_key"),
    )
    if outcome is Outcome.PROCESSED:
        log.warning("intent_changed_without_event", payment_intent_id=payment_intent_id)


def _record_refund(database: Database, stripe_object: Mapping[str, Any]) -> None:
    refund = refund_in(stripe_object)
    if repository.record_refund(database, refund) is Outcome.PROCESSED:
        log.warning("refund_changed_without_event", refund_id=refund.stripe_refund_id)


def _record_dispute(database: Database, stripe_object: Mapping[str, Any]) -> None:
    dispute = dispute_in(stripe_object)
    if repository.record_dispute(database, dispute) is Outcome.PROCESSED:
        log.warning("dispute_changed_without_event", dispute_id=dispute.stripe_dispute_id)


def cancel_unused_intents(stripe_api: StripeApi, database: Database) -> int:
    """Have intents canceled that Stripe made for our orders and that no order uses.

    Stripe makes one when its answer to our call is lost. Nobody has its secret. Return their
    number.
    """

    def pages_of(window: Window) -> Iterator[Page]:
        return stripe_api.list_payment_intents_between(
            since=window.since - _UNUSED_FOR_S, until=window.until - _UNUSED_FOR_S
        )

    def discard(page: Page) -> int:
        unused = [
            (intent["id"], order_ref)
            for intent in page
            if (order_ref := _order_of_open(intent)) is not None
        ]
        return repository.discard_unattached_intents(database, unused)

    return stripe_lists.read_pages_on(database, "payment_intents", pages_of, discard)


def _order_of_open(intent: Mapping[str, Any]) -> str | None:
    """Return the order of an open intent that we made, else None."""
    dedupe_key = text_in(object_in(intent, "metadata"), "dedupe_key") or ""
    is_ours = dedupe_key.startswith("intent:")
    return order_ref_in(intent) if is_ours and text_in(intent, "status") in OPEN_STATUSES else None


def read_balance(stripe_api: StripeApi, database: Database) -> int:
    """Record the movements of our balance at Stripe since the last run; return their number.

    The check of an order compares its ledger with these.
    """

    def pages_of(window: Window) -> Iterator[Page]:
        return stripe_api.list_balance_transactions(since=window.since, until=window.until)

    def record(page: Page) -> int:
        movements = [one for item in page if (one := _movement_in(item)) is not None]
        return repository.record_balance_transactions(database, movements)

    return stripe_lists.read_pages_on(database, "balance_transactions", pages_of, record)


def _movement_in(transaction: Mapping[str, Any]) -> Movement | None:
    """Return a balance transaction, or None if no order can have its source.

    Stripe's fees and payouts to our bank have other sources.
    """
    source = object_in(transaction, "source")
    source_id, kind = text_in(source, "id"), text_in(source, "object")
    amount_cents, currency = moved_cents_in(transaction), currency_in(transaction)
    created = time_in(transaction, "created")
    if source_id is None or kind not in _SOURCES:
        return None
    if amount_cents is None or currency is None or created is None:
        return None
    return Movement(
        id=transaction["id"],
        source_id=source_id,
        kind=kind,
        # The amount is before Stripe's fee, and so are all amounts in the ledger.
        amount_cents=amount_cents,
        currency=currency,
        payment_intent_id=text_in(source, "payment_intent"),
        transfer_id=source_id if kind == "transfer" else text_in(source, "transfer"),
        order_ref=order_ref_in(source) or text_in(source, "transfer_group"),
        created=created,
    )
