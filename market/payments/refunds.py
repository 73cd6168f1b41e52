"""Outbox senders of the payments domain: money back to a buyer, intents that must not be paid."""

import functools
from collections.abc import Mapping
from typing import Any

from market.errors import RejectedError, TransientError
from market.outbox import OutboxRow, Senders, Sent
from market.stripe_api import StripeApi


#: As long as Stripe works on a card payment it can neither be canceled nor called off.
_UNDECIDED = "processing"


def outbox_senders(stripe_api: StripeApi) -> Senders:
    """Return who sends which kind of row; the entry point of the workers calls this once."""
    send_refund = functools.partial(_send_refund, stripe_api)
    return {
        "refund": send_refund,
        "auto_refund": send_refund,
        "cancel_intent": functools.partial(_cancel_intent, stripe_api),
    }


def _send_refund(stripe_api: StripeApi, row: OutboxRow) -> Sent:
    """Send money back, unless Stripe has done it for this row already."""
    payment_intent_id = row.value("payment_intent_id")
    refund = _made_before(stripe_api, payment_intent_id, row)
    if refund is None:
        refund = stripe_api.create_refund(
            {
                "payment_intent": payment_intent_id,
                "amount": row.value("amount_cents"),
                "metadata": row.metadata,
            },
            idempotency_key=row.idempotency_key,
        )
    return Sent(stripe_object_id=refund["id"], result={"status": refund["status"]})


def _made_before(
    stripe_api: StripeApi, payment_intent_id: str, row: OutboxRow
) -> Mapping[str, Any] | None:
    # Keys are forgotten after a day, and rows come back with a restored database; the metadata of
    # what was made stays.
    for refund in stripe_api.list_refunds(payment_intent_id):
        if (refund.get("metadata") or {}).get("dedupe_key") == row.dedupe_key:
            return refund
    return None


def _cancel_intent(stripe_api: StripeApi, row: OutboxRow) -> Sent:
    """Cancel an intent that could still be paid.

    Raises:
        RejectedError: `INTENT_SUCCEEDED`, it was paid before; the event about it tells what now.
        TransientError: `INTENT_UNDECIDED`, Stripe works on it, so ask again.

    """
    payment_intent_id = row.value("payment_intent_id")
    status = stripe_api.retrieve_payment_intent(payment_intent_id)["status"]
    if status == "succeeded":
        raise RejectedError("INTENT_SUCCEEDED", payment_intent_id)
    if status == _UNDECIDED:
        raise TransientError("INTENT_UNDECIDED", payment_intent_id)
    if status != "canceled":
        intent = stripe_api.cancel_payment_intent(
            payment_intent_id, idempotency_key=row.idempotency_key
        )
        status = intent["status"]
    return Sent(stripe_object_id=payment_intent_id, result={"status": status})
