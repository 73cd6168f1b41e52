"""Refunds: https://docs.stripe.com/api/refunds."""

from devstack.stripe.errors import invalid, refused
from devstack.stripe.lists import read_page
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import balance, charges, disputes, payment_methods
from devstack.stripe.resources.cards import RefundOutcome
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
#: The scheduled action of a refund, by its outcome.
_SCHEDULED_ACTIONS = {
    RefundOutcome.SUCCEEDS: "reference_refund",
    RefundOutcome.PENDING: "succeed_refund",
    RefundOutcome.FAILS_LATER: "fail_refund",
}


def create(tx: Transaction, params: Params) -> Json:
    """`POST /v1/refunds`: refund an intent or a charge, in whole or in part."""
    intent_id, charge_id = params.text("payment_intent"), params.text("charge")
    amount = params.positive("amount")
    reason = params.choice("reason", _REASONS)
    metadata = params.metadata()
    params.finish()

    charge = _charge_of(tx, intent_id, charge_id)
    amount = _check_amount(tx, charge, amount)
    outcome = payment_methods.card_of(tx.store, charge["payment_method"]).refund_outcome
    refund = _new(tx, charge, amount, outcome)
    refund |= {"metadata": merge_metadata({}, metadata), "reason": reason}
    charges.ensure_booked(tx, charge)
    balance.book_refund(tx, refund)
    tx.store.insert(refund)
    tx.schedule(refund["id"], _SCHEDULED_ACTIONS[outcome])

    before = {name: charge[name] for name in ("amount_refunded", "refunded")}
    _add_refunded(tx, charge, amount)
    tx.emit("refund.created", refund)
    tx.emit("charge.refunded", charge, previous=before)
    return refund


def retrieve(tx: Transaction, params: Params, refund_id: str) -> Json:
    """`GET /v1/refunds/:id`: show a refund."""
    params.finish()
    return tx.get("refund", refund_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/refunds`: list the refunds, by `payment_intent` or `charge`."""
    return read_page(tx, params, "refund", url="/v1/refunds", filters=("payment_intent", "charge"))


def update(tx: Transaction, params: Params, refund_id: str) -> Json:
    """`POST /v1/refunds/:id`: change the refund's metadata."""
    metadata = params.metadata()
    params.finish()
    refund = tx.get("refund", refund_id)
    before = {"metadata": refund["metadata"]}
    refund["metadata"] = merge_metadata(refund["metadata"], metadata)
    _save_update(tx, refund, before)
    return refund


def give_reference(tx: Transaction, refund_id: str) -> None:
    """Add the reference number by which the buyer's bank finds the refund."""
    refund = tx.get("refund", refund_id)
    before = {"destination_details": refund["destination_details"]}
    card = {**refund["destination_details"]["card"]}
    card |= {"reference": "7532970000000001", "reference_status": "available"}
    refund["destination_details"] = {"card": card, "type": "card"}
    _save_update(tx, refund, before)


def succeed(tx: Transaction, refund_id: str) -> None:
    """Complete a pending refund."""
    refund = tx.get("refund", refund_id)
    if refund["status"] != "pending":
        raise refused(f"Refund {refund_id} is not pending: it is {refund['status']}.")
    before = {"status": refund["status"], "pending_reason": refund.pop("pending_reason")}
    refund["status"] = "succeeded"
    _save_update(tx, refund, before)


def fail(tx: Transaction, refund_id: str) -> None:
    """Fail a refund, even one that has succeeded.

    The money returns to our balance, and the charge can be refunded again.
    """
    refund = tx.get("refund", refund_id)
    if refund["status"] == "failed":
        raise refused(f"Refund {refund_id} has failed already.")
    before = {"status": refund["status"]}
    refund.pop("pending_reason", None)
    refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    balance.book_refund_failure(tx, refund)
    _add_refunded(tx, tx.get("charge", refund["charge"]), -refund["amount"])
    tx.store.replace(refund)
    tx.emit("refund.failed", refund, previous=before)
    _save_update(tx, refund, before)


def _charge_of(tx: Transaction, intent_id: str | None, charge_id: str | None) -> Json:
    if (intent_id is None) == (charge_id is None):
        raise invalid(
            "One, and only one, of the following params should be provided for this request: "
            "payment_intent or charge.",
            code="parameter_missing",
        )
    if intent_id is not None:
        intent = tx.get("payment_intent", intent_id, param="payment_intent", status=400)
        if intent["status"] != "succeeded":
            raise refused(
                f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        charge_id = intent["latest_charge"]
    charge = tx.get("charge", str(charge_id), param="charge", status=400)
    if not charge["captured"]:
        raise refused(f"Charge {charge_id} has nothing captured to refund.", param="charge")
    return charge


def _check_amount(tx: Transaction, charge: Json, amount: int | None) -> int:
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise refused(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    left -= disputes.taken_cents(tx.store, charge["id"])
    if left <= 0:
        raise refused(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if amount is None:
        return int(left)
    if amount > left:
        raise refused(
            f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge "
            f"(${left / 100:.2f})",
            param="amount",
        )
    return amount


def _new(tx: Transaction, charge: Json, amount: int, outcome: RefundOutcome) -> Json:
    refund: Json = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": tx.now,
        "currency": charge["currency"],
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "payment_intent": charge["payment_intent"],
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    if outcome is RefundOutcome.PENDING:
        refund |= {"status": "pending", "pending_reason": "processing"}
    return refund


def _add_refunded(tx: Transaction, charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    tx.store.replace(charge)


def _save_update(tx: Transaction, refund: Json, before: Json) -> None:
    tx.store.replace(refund)
    tx.emit("refund.updated", refund, previous=before)
    # Stripe also emits the older name of the same event.
    tx.emit("charge.refund.updated", refund, previous=before)
