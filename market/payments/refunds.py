"""Outbox senders of the payments domain: refunds, and intents that must not be paid."""

import functools

from market.errors import RejectedError, TransientError
from market.outbox import OutboxRow, Senders, Sent, made_once
from market.stripe_api import StripeApi
from market.stripe_objects import text_in


#: Stripe cannot cancel an intent while it works on the payment.
_UNDECIDED = "processing"


def outbox_senders(stripe_api: StripeApi) -> Senders:
    """Return the sender for each kind of outbox row that belongs to payments."""
    send_refund = functools.partial(_send_refund, stripe_api)
    return {
        "refund": send_refund,
        "auto_refund": send_refund,
        "cancel_intent": functools.partial(_cancel_intent, stripe_api),
    }


def _send_refund(stripe_api: StripeApi, row: OutboxRow) -> Sent:
    """Refund a payment, unless Stripe has made the refund for this row already."""
    payment_intent_id = row.value("payment_intent_id")
    parameters = {
        "payment_intent": payment_intent_id,
        "amount": row.value("amount_cents"),
        "metadata": row.metadata,
    }
    existing = stripe_api.list_refunds(payment_intent_id)
    refund = made_once(row, existing, stripe_api.create_refund, parameters)
    return Sent(stripe_object_id=refund["id"], result={"status": text_in(refund, "status")})


def _cancel_intent(stripe_api: StripeApi, row: OutboxRow) -> Sent:
    """Cancel an intent that could still be paid.

    Raises:
        RejectedError: `INTENT_SUCCEEDED`, because it is paid; its event settles the order.
        TransientError: `INTENT_UNDECIDED`, because Stripe still works on the payment.

    """
    payment_intent_id = row.value("payment_intent_id")
    status = text_in(stripe_api.retrieve_payment_intent(payment_intent_id), "status")
    if status == "succeeded":
        raise RejectedError("INTENT_SUCCEEDED", payment_intent_id)
    if status == _UNDECIDED:
        raise TransientError("INTENT_UNDECIDED", payment_intent_id)
    if status != "canceled":
        intent = stripe_api.cancel_payment_intent(
            payment_intent_id, idempotency_key=row.idempotency_key
        )
        status = text_in(intent, "status")
    return Sent(stripe_object_id=payment_intent_id, result={"status": status})
