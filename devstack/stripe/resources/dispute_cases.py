"""The bank's part in a dispute: https://docs.stripe.com/disputes/how-disputes-work.

A dispute takes the money back at once, with a fee. An inquiry (`warning_…`) only asks, until it is
closed or becomes a dispute.
"""

import datetime as dt
from collections.abc import Collection

from devstack.stripe import scheduled_actions
from devstack.stripe.errors import refused
from devstack.stripe.resources import balance, dispute_evidence, payment_methods
from devstack.stripe.store import Json, Store, new_id
from devstack.stripe.transaction import Transaction


REASONS = (
    "bank_cannot_process",
    "check_returned",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "noncompliant",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
)
#: Those in which a bank waits for our answer or weighs it.
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
#: The final states of each kind of case.
ENDS = ("won", "lost")
INQUIRY_ENDS = ("warning_closed",)
#: In these the bank has the money, so nobody else can give it back.
_TAKEN = ("needs_response", "under_review", "lost")
_RESPONSE_DAYS = 9
#: Visa's codes; other networks have others.
_NETWORK_CODES = {
    "credit_not_processed": "13.6",
    "duplicate": "12.6",
    "fraudulent": "10.4",
    "product_not_received": "13.1",
    "product_unacceptable": "13.3",
    "subscription_canceled": "13.2",
    "unrecognized": "10.4",
}


def expect(tx: Transaction, charge: Json) -> None:
    """Leave for later what the holder of a disputing test card is going to do."""
    if payment_methods.card_of(tx.store, charge["payment_method"]).doubt is not None:
        scheduled_actions.schedule(tx, charge["id"], "open_dispute")


def open_expected(tx: Transaction, charge_id: str) -> None:
    """Open the case that the charge's test card stands for, if there is money left to doubt."""
    charge = tx.get("charge", charge_id)
    doubt = payment_methods.card_of(tx.store, charge["payment_method"]).doubt
    if doubt is not None and _disputable_cents(tx.store, charge) > 0:
        open_case(tx, charge_id, reason=doubt.reason, is_inquiry=doubt.is_inquiry)


def open_case(
    tx: Transaction,
    charge_id: str,
    *,
    reason: str = "fraudulent",
    amount: int | None = None,
    is_inquiry: bool = False,
) -> Json:
    """Dispute a charge, all that is left of it or a part."""
    charge = tx.get("charge", charge_id)
    left = _disputable_cents(tx.store, charge)
    amount = left if amount is None else amount
    if not 1 <= amount <= left:
        raise refused(f"Charge {charge_id} has {left} cents left to dispute.", param="amount")
    dispute = _new(tx, charge, amount, reason)
    dispute |= _stage(charge, reason, is_inquiry=is_inquiry)
    tx.store.insert(dispute)
    charge["disputed"] = True
    tx.store.replace(charge)
    if is_inquiry:
        tx.emit("charge.dispute.created", dispute)
    else:
        _withdraw(tx, dispute)
        tx.emit("charge.dispute.created", dispute)
        tx.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def escalate(tx: Transaction, dispute_id: str) -> Json:
    """Make a dispute of an inquiry: now the bank takes the money."""
    dispute = tx.get("dispute", dispute_id)
    if dispute["status"] not in OPEN or not is_inquiry(dispute):
        raise refused(f"Dispute {dispute_id} is no open inquiry: it is {dispute['status']}.")
    scheduled_actions.take(tx.store, dispute_id)
    before = {name: dispute[name] for name in ("is_charge_refundable", "status")}
    charge = tx.get("charge", dispute["charge"])
    dispute |= _stage(charge, dispute["reason"], is_inquiry=False)
    _withdraw(tx, dispute)
    tx.emit("charge.dispute.updated", dispute, previous=before)
    tx.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def settle(tx: Transaction, dispute_id: str, status: str) -> Json:
    """End a case; what was taken comes back when it is won.

    Stripe has kept its fee in either case since June 2025.
    """
    dispute = tx.get("dispute", dispute_id)
    if dispute["status"] not in OPEN:
        raise refused(f"Dispute {dispute_id} is closed already: it is {dispute['status']}.")
    ends = INQUIRY_ENDS if is_inquiry(dispute) else ENDS
    if status not in ends:
        raise refused(f"Dispute {dispute_id} can end as {' or '.join(ends)}.", param="status")
    # The outcome that the evidence scheduled has happened.
    scheduled_actions.take(tx.store, dispute_id)
    before = {"status": dispute["status"]}
    dispute["status"] = status
    if status == "won":
        balance.book_dispute_reversal(tx, dispute)
    tx.store.replace(dispute)
    if status == "won":
        tx.emit("charge.dispute.funds_reinstated", dispute)
    tx.emit("charge.dispute.closed", dispute, previous=before)
    return dispute


def is_inquiry(dispute: Json) -> bool:
    """Return whether the bank has only asked so far."""
    return str(dispute["status"]).startswith("warning_")


def taken_cents(store: Store, charge_id: str) -> int:
    """Return how much of a charge banks have taken back and not returned."""
    return _disputed_cents(store, charge_id, _TAKEN)


def _disputable_cents(store: Store, charge: Json) -> int:
    left = charge["amount_captured"] - charge["amount_refunded"]
    return int(left) - _disputed_cents(store, charge["id"], (*OPEN, "lost"))


def _disputed_cents(store: Store, charge_id: str, states: Collection[str]) -> int:
    cases = store.find_all("dispute", "charge", charge_id)
    return sum(case["amount"] for case in cases if case["status"] in states)


def _withdraw(tx: Transaction, dispute: Json) -> None:
    balance.book_dispute_withdrawal(tx, dispute)
    tx.store.replace(dispute)


def _stage(charge: Json, reason: str, *, is_inquiry: bool) -> Json:
    code = _NETWORK_CODES.get(reason)
    if is_inquiry and code is not None:
        code = code.partition(".")[0]
    paid_with = charge["payment_method_details"]["card"]
    card = {
        "brand": paid_with["brand"],
        "case_type": "inquiry" if is_inquiry else "chargeback",
        "network": paid_with["network"],
        "network_reason_code": code,
    }
    return {
        "is_charge_refundable": is_inquiry,
        "network_reason_code": code,
        "payment_method_details": {"card": card, "type": "card"},
        "status": "warning_needs_response" if is_inquiry else "needs_response",
    }


def _new(tx: Transaction, charge: Json, amount: int, reason: str) -> Json:
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": tx.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dispute_evidence.known_from(charge),
        "evidence_details": {
            "due_by": _due_by(tx.now),
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": "manual",
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
    }


def _due_by(now: int) -> int:
    """Return the last second of the day by which the bank wants an answer."""
    day = dt.datetime.fromtimestamp(now, tz=dt.UTC).date() + dt.timedelta(days=_RESPONSE_DAYS)
    return int(dt.datetime.combine(day, dt.time(23, 59, 59), tzinfo=dt.UTC).timestamp())
