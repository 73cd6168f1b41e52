"""The SQL functions of the payments domain: one function here for each.

Every call may be repeated. For a settled event SQL answers its outcome and changes nothing.
"""

import dataclasses
from collections.abc import Sequence

from market.alerts import raise_alerts
from market.database import Database, accepted
from market.inbox import Effect, Outcome, read_outcome
from market.payments.types import (
    CapturedPayment,
    DeclinedPayment,
    Dispute,
    Movement,
    PaidOrder,
    PaymentTerms,
    Refund,
    RequestedRefund,
)


def begin_payment(database: Database, *, order_id: str, buyer_id: str) -> PaymentTerms:
    """Return the parameters of the order's next intent, or its current intent.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN`, `TRANSACTION_FAILED`.

    """
    answer = accepted(database.call("begin_payment", order_id=order_id, buyer_id=buyer_id))
    return PaymentTerms(
        order_id=order_id,
        buyer_id=buyer_id,
        attempt=answer["attempt"],
        answered_errors=answer.get("answered_errors", 0),
        first_error=answer.get("first_error"),
        amount_cents=answer["amount_cents"],
        currency=answer["currency"],
        listing_title=answer["listing_title"],
        receipt_email=answer.get("receipt_email"),
        payment_intent_id=answer.get("payment_intent_id"),
    )


def record_intent_error(database: Database, terms: PaymentTerms, error_code: str) -> None:
    """Count an error that Stripe answered when we created an intent, once per idempotency key.

    Concurrent calls get the same error under the same key, and the first of them counts it.
    """
    accepted(
        database.call(
            "record_intent_error",
            order_id=terms.order_id,
            attempt=terms.attempt,
            answered_errors=terms.answered_errors,
            error_code=error_code,
        )
    )


def attach_payment_intent(database: Database, terms: PaymentTerms, payment_intent_id: str) -> str:
    """Make an intent the order's current one, and return the current one's id.

    It is another id if another call was first.

    Raises:
        RejectedError: `CONFLICT` to begin again, or the reason why the order cannot be paid.

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
    """Settle the order with `payment`, as the event about the same intent does.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN`, `TRANSACTION_FAILED` for a stray, which
            SQL records and sends back.

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
    raise_alerts(database, answer, subject=str(intent_id), order_id=payment.order_id)
    accepted(answer)
    return PaidOrder(
        order_id=answer["order_id"], state=answer["state"], amount_cents=payment.amount_cents
    )


def refund_order(
    database: Database,
    *,
    order_id: str,
    amount_cents: int | None,
    user_id: str,
    aal: str,
    client_request_id: str,
) -> RequestedRefund:
    """Reserve a refund of an order, of all that is left if there is no amount.

    The same `client_request_id` gets the same refund.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN` unless the user is the seller or staff,
            `CONFLICT`, `VALIDATION_ERROR` above the rest, `REQUEST_ID_REUSED`.

    """
    answer = accepted(
        database.call(
            "refund_order",
            order_id=order_id,
            refund_amount_cents=amount_cents,
            user_id=user_id,
            aal=aal,
            client_request_id=client_request_id,
        )
    )
    return RequestedRefund(refund_id=answer["refund_id"], status=answer["status"])


def refund_as_staff(
    database: Database,
    *,
    order_id: str,
    amount_cents: int | None,
    reason: str,
    user_id: str,
    client_request_id: str,
) -> RequestedRefund:
    """Reserve a refund for a member of staff whose session is checked, and audit the reason.

    The same `client_request_id` gets the same refund.

    Raises:
        RejectedError: as `refund_order`.

    """
    answer = accepted(
        database.call(
            "process_refund_transaction",
            order_id=order_id,
            refund_amount_cents=amount_cents,
            refund_reason=reason,
            user_id=user_id,
            client_request_id=client_request_id,
        )
    )
    return RequestedRefund(refund_id=answer["refund_id"], status=answer["status"])


def payment_succeeded(payment: CapturedPayment) -> Effect:
    """Return the effect that settles the order with `payment`.

    It fails with `PAYLOAD_UNREADABLE` if the order is ours and a value is missing.
    """
    return Effect(
        function="apply_payment_succeeded",
        arguments=dataclasses.asdict(payment),
    )


def payment_failed(declined: DeclinedPayment) -> Effect:
    """Return the effect that records a declined try, once per charge, and notifies the buyer."""
    return Effect(function="apply_payment_failed", arguments=dataclasses.asdict(declined))


def payment_authorized(
    *, order_id: str, payment_intent_id: str | None, capturable_cents: int | None
) -> Effect:
    """Return the effect that records the amount that could be captured; the order stays."""
    return Effect(
        function="apply_payment_authorized",
        arguments={
            "order_id": order_id,
            "payment_intent_id": payment_intent_id,
            "capturable_cents": capturable_cents,
        },
    )


def payment_canceled(*, order_id: str, payment_intent_id: str | None) -> Effect:
    """Return the effect that detaches a canceled intent from its order; the order stays."""
    return Effect(
        function="apply_payment_canceled",
        arguments={"order_id": order_id, "payment_intent_id": payment_intent_id},
    )


def apply_refund(
    database: Database, refund: Refund, *, event_id: str, order_ref: str | None = None
) -> Outcome:
    """Record the state of `refund`, and mark the event processed in the same transaction.

    Raises:
        RejectedError: `INTENT_UNKNOWN` if SQL needs the `order_ref` of the intent's metadata,
            `PREDECESSOR_MISSING` if the payment is not recorded yet, `REFUND_CONTRADICTED` if
            another event must come first, `PAYLOAD_UNREADABLE`.

    """
    answer = database.call(
        "apply_refund", event_id=event_id, **dataclasses.asdict(refund), order_ref=order_ref
    )
    return read_outcome(database, answer, event_id=event_id)


def claim_open_intents(database: Database, *, limit: int) -> Sequence[tuple[str, str]]:
    """Return intents to read from Stripe again, each with the id of its order."""
    rows = database.call("claim_open_intents", max_rows=limit)
    return [(row["payment_intent_id"], row["order_id"]) for row in rows]


def claim_differing_intents(database: Database, *, limit: int) -> Sequence[tuple[str, str]]:
    """Return intents of orders that differ from Stripe, each with the id of its order."""
    rows = database.call("claim_differing_intents", max_rows=limit)
    return [(row["payment_intent_id"], row["order_id"]) for row in rows]


def claim_open_refunds(database: Database, *, limit: int) -> Sequence[str]:
    """Return the ids of refunds to read from Stripe again."""
    ids: list[str] = database.call("claim_open_refunds", max_rows=limit)
    return ids


def record_intent(
    database: Database, payment: CapturedPayment, *, status: str | None, dedupe_key: str | None
) -> Outcome:
    """Apply the state of an intent that was read from Stripe, as the event about it does."""
    answer = database.call(
        "record_intent", **dataclasses.asdict(payment), status=status, dedupe_key=dedupe_key
    )
    return read_outcome(database, answer, event_id=str(payment.payment_intent_id))


def record_refund(database: Database, refund: Refund) -> Outcome:
    """Apply the state of a refund that was read from Stripe, as the event about it does."""
    answer = database.call("record_refund", **dataclasses.asdict(refund))
    return read_outcome(database, answer, event_id=str(refund.stripe_refund_id))


def discard_unattached_intents(database: Database, intents: Sequence[tuple[str, str]]) -> int:
    """Queue the cancellation of intents that no order uses, and return their number.

    `intents` holds the id of each and the order that it was made for.
    """
    if not intents:
        return 0
    return int(
        database.call(
            "discard_unattached_intents",
            payment_intent_ids=[payment_intent_id for payment_intent_id, _ in intents],
            order_refs=[order_ref for _, order_ref in intents],
        )
    )


def record_balance_transactions(database: Database, movements: Sequence[Movement]) -> int:
    """Record movements of our balance, each once by its id; return the number of new ones."""
    if not movements:
        return 0
    rows = [dataclasses.asdict(movement) for movement in movements]
    return int(database.call("record_balance_transactions", transactions=rows))


def apply_dispute(
    database: Database, dispute: Dispute, *, event_id: str, order_ref: str | None = None
) -> Outcome:
    """Record the state of `dispute`, and mark the event processed in the same transaction.

    Raises:
        RejectedError: `INTENT_UNKNOWN` if SQL needs the `order_ref` of the intent's metadata,
            `PREDECESSOR_MISSING` if the payment is not recorded yet, `PAYLOAD_UNREADABLE`.

    """
    answer = database.call(
        "apply_dispute", event_id=event_id, **dataclasses.asdict(dispute), order_ref=order_ref
    )
    return read_outcome(database, answer, event_id=event_id)


def record_dispute(database: Database, dispute: Dispute) -> Outcome:
    """Apply a dispute that was read from Stripe, as the event about it does."""
    answer = database.call("record_dispute", **dataclasses.asdict(dispute))
    return read_outcome(database, answer, event_id=str(dispute.stripe_dispute_id))


def claim_open_disputes(database: Database, *, limit: int) -> Sequence[str]:
    """Return the ids of disputes to read from Stripe again."""
    ids: list[str] = database.call("claim_open_disputes", max_rows=limit)
    return ids
