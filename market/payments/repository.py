"""Payments as the database keeps them: one function here, one SQL function there.

Every function is idempotent: an event that is settled already answers with its outcome and changes
nothing.
"""

from market.alerts import raise_alerts
from market.database import Database, accepted
from market.inbox import Outcome, read_outcome
from market.payments.types import (
    CapturedPayment,
    DeclinedPayment,
    PaidOrder,
    PaymentTerms,
    Refund,
)


def begin_payment(database: Database, *, order_id: str, buyer_id: str) -> PaymentTerms:
    """Return what the intent of the next try to pay is made of.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN`, `TRANSACTION_FAILED`.

    """
    answer = accepted(database.call("begin_payment", order_id=order_id, buyer_id=buyer_id))
    return PaymentTerms(
        order_id=order_id,
        buyer_id=buyer_id,
        attempt=answer["attempt"],
        amount_cents=answer["amount_cents"],
        currency=answer["currency"],
        listing_title=answer["listing_title"],
        receipt_email=answer.get("receipt_email"),
        payment_intent_id=answer.get("payment_intent_id"),
    )


def attach_payment_intent(database: Database, terms: PaymentTerms, payment_intent_id: str) -> str:
    """Make an intent the order's current one; return the one that is, if another was first.

    Raises:
        RejectedError: `CONFLICT` to begin again, or why the order cannot be paid any more.

    """
    answer = accepted(
        database.call(
            "attach_payment_intent",
            order_id=terms.order_id,
            attempt=terms.attempt,
            payment_intent_id=payment_intent_id,
        )
    )
    return str(answer["payment_intent_id"])


def confirm_payment(database: Database, payment: CapturedPayment, *, user_id: str) -> PaidOrder:
    """Settle the order with `payment`, as the event about it does, whichever comes first.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN`, `TRANSACTION_FAILED` for a stray, which
            is recorded and goes back.

    """
    answer = database.call(
        "confirm_payment_transaction",
        order_id=payment.order_id,
        payment_intent_id=payment.payment_intent_id,
        charge_id=payment.charge_id,
        amount_cents=payment.amount_cents,
        currency=payment.currency,
        user_id=user_id,
    )
    intent_id = payment.payment_intent_id
    raise_alerts(database, answer, subject=intent_id, order_id=payment.order_id)
    accepted(answer)
    return PaidOrder(
        order_id=answer["order_id"], state=answer["state"], amount_cents=payment.amount_cents
    )


def apply_payment_succeeded(
    database: Database, payment: CapturedPayment, *, event_id: str
) -> Outcome:
    """Settle the order with `payment`, and event `event_id` with it, in one transaction.

    Raises:
        TransientError: the database was still unreachable after the last try.

    """
    answer = database.call(
        "apply_payment_succeeded",
        event_id=event_id,
        order_id=payment.order_id,
        payment_intent_id=payment.payment_intent_id,
        charge_id=payment.charge_id,
        amount_cents=payment.amount_cents,
        currency=payment.currency,
        buyer_id=payment.buyer_id,
    )
    return read_outcome(database, answer, event_id=event_id)


def apply_payment_failed(
    database: Database, declined: DeclinedPayment, *, event_id: str
) -> Outcome:
    """Record a try that was declined, once per charge, and tell the buyer."""
    answer = database.call(
        "apply_payment_failed",
        event_id=event_id,
        order_id=declined.order_id,
        payment_intent_id=declined.payment_intent_id,
        charge_id=declined.charge_id,
        error_message=declined.error_message,
    )
    return read_outcome(database, answer, event_id=event_id)


def apply_payment_canceled(
    database: Database, *, order_id: str, payment_intent_id: str, event_id: str
) -> Outcome:
    """Detach an intent that nobody can pay any more; the order stays as it is."""
    answer = database.call(
        "apply_payment_canceled",
        event_id=event_id,
        order_id=order_id,
        payment_intent_id=payment_intent_id,
    )
    return read_outcome(database, answer, event_id=event_id)


def apply_refund(
    database: Database, refund: Refund, *, event_id: str, order_ref: str | None = None
) -> Outcome:
    """Record where `refund` stands, and settle event `event_id` with it, in one transaction.

    Raises:
        RejectedError: `INTENT_UNKNOWN` when it takes the `order_ref` of the intent to know whose
            it is, `PREDECESSOR_MISSING` when it is ours and its payment is not here yet.

    """
    answer = database.call(
        "apply_refund",
        event_id=event_id,
        stripe_refund_id=refund.stripe_refund_id,
        outbox_id=refund.outbox_id,
        payment_intent_id=refund.payment_intent_id,
        amount_cents=refund.amount_cents,
        status=refund.status,
        order_ref=order_ref,
    )
    return read_outcome(database, answer, event_id=event_id)
