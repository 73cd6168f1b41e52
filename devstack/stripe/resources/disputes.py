"""Disputes: https://docs.stripe.com/api/disputes, https://docs.stripe.com/disputes/how-disputes-work.

The bank of a dispute takes the money back at once, and Stripe takes a fee. An inquiry (status
`warning_…`) takes no money. The bank closes it, or turns it into a dispute.
"""

import datetime as dt
from collections.abc import Collection

from devstack.stripe.errors import missing, refused
from devstack.stripe.lists import read_page
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import balance, payment_methods
from devstack.stripe.store import Json, Store, new_id
from devstack.stripe.transaction import Transaction


_WAITING = ("needs_response", "warning_needs_response")
#: The action that each test evidence schedules: https://docs.stripe.com/testing#evidence.
_DECISIVE = {
    "winning_evidence": "win_dispute",
    "losing_evidence": "lose_dispute",
    "escalate_inquiry_evidence": "escalate_inquiry",
}
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
#: The bank waits for evidence or reviews it.
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
#: The final states of a dispute, and of an inquiry.
ENDS = ("won", "lost")
INQUIRY_ENDS = ("warning_closed",)
#: The bank has the money, so no refund can return it.
_TAKEN = ("needs_response", "under_review", "lost")
_RESPONSE_DAYS = 9
#: Visa's reason codes, which stand for those of every network.
_NETWORK_CODES = {
    "credit_not_processed": "13.6",
    "duplicate": "12.6",
    "fraudulent": "10.4",
    "product_not_received": "13.1",
    "product_unacceptable": "13.3",
    "subscription_canceled": "13.2",
    "unrecognized": "10.4",
}
_TEXTS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
)
_FILES = (
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
)


def retrieve(tx: Transaction, params: Params, dispute_id: str) -> Json:
    """`GET /v1/disputes/:id`: show a dispute."""
    params.finish()
    return tx.get("dispute", dispute_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/disputes`: list the disputes, by `charge` or `payment_intent`."""
    return read_page(
        tx, params, "dispute", url="/v1/disputes", filters=("charge", "payment_intent")
    )


def update(tx: Transaction, params: Params, dispute_id: str) -> Json:
    """`POST /v1/disputes/:id`: add evidence, and send it to the bank unless `submit` is false."""
    evidence = _read_evidence(params)
    is_sent = params.boolean("submit", default=True)
    metadata = params.metadata()
    params.finish()

    dispute = tx.get("dispute", dispute_id)
    before = {name: dispute[name] for name in ("evidence", "evidence_details", "metadata")}
    before["status"] = dispute["status"]
    dispute["metadata"] = merge_metadata(dispute["metadata"], metadata)
    if evidence:
        _add_evidence(dispute, evidence)
    if is_sent and dispute["evidence_details"]["has_evidence"] and dispute["status"] in _WAITING:
        _send(tx, dispute)
    previous = {name: value for name, value in before.items() if value != dispute[name]}
    if previous:
        tx.store.replace(dispute)
        tx.emit("charge.dispute.updated", dispute, previous=previous)
    return dispute


def close(tx: Transaction, params: Params, dispute_id: str) -> Json:
    """`POST /v1/disputes/:id/close`: accept the dispute as the merchant, who thereby loses it."""
    params.finish()
    return settle(tx, dispute_id, "lost")


def schedule_test_dispute(tx: Transaction, charge: Json) -> None:
    """Schedule the dispute that a charge of a disputing test card gets."""
    if payment_methods.card_of(tx.store, charge["payment_method"]).dispute is not None:
        tx.schedule(charge["id"], "open_dispute")


def open_test_dispute(tx: Transaction, charge_id: str) -> None:
    """Open the dispute of the charge's test card, if any money is left to dispute."""
    charge = tx.get("charge", charge_id)
    planned = payment_methods.card_of(tx.store, charge["payment_method"]).dispute
    if planned is not None and _disputable_cents(tx.store, charge) > 0:
        open_case(tx, charge_id, reason=planned.reason, is_inquiry=planned.is_inquiry)


def open_case(
    tx: Transaction,
    charge_id: str,
    *,
    reason: str = "fraudulent",
    amount: int | None = None,
    is_inquiry: bool = False,
) -> Json:
    """Dispute an amount of a charge, by default all that is left."""
    charge = tx.get("charge", charge_id)
    left = _disputable_cents(tx.store, charge)
    amount = left if amount is None else amount
    if not 1 <= amount <= left:
        raise refused(f"Charge {charge_id} has {left} cents left to dispute.", param="amount")
    dispute = _new(tx, charge, amount, reason)
    dispute |= _case_fields(charge, reason, is_inquiry=is_inquiry)
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
    """Turn an inquiry into a dispute, which takes the money."""
    dispute = tx.get("dispute", dispute_id)
    if dispute["status"] not in OPEN or not is_inquiry(dispute):
        raise refused(f"Dispute {dispute_id} is not an open inquiry: it is {dispute['status']}.")
    tx.store.take_scheduled(dispute_id)
    before = {name: dispute[name] for name in ("is_charge_refundable", "status")}
    charge = tx.get("charge", dispute["charge"])
    dispute |= _case_fields(charge, dispute["reason"], is_inquiry=False)
    _withdraw(tx, dispute)
    tx.emit("charge.dispute.updated", dispute, previous=before)
    tx.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def settle(tx: Transaction, dispute_id: str, status: str) -> Json:
    """Close a dispute or an inquiry. A won dispute returns the money.

    Since June 2025 Stripe keeps its fee even then.
    """
    dispute = tx.get("dispute", dispute_id)
    if dispute["status"] not in OPEN:
        raise refused(f"Dispute {dispute_id} is closed already: it is {dispute['status']}.")
    ends = INQUIRY_ENDS if is_inquiry(dispute) else ENDS
    if status not in ends:
        raise refused(f"Dispute {dispute_id} can end as {' or '.join(ends)}.", param="status")
    # The evidence may have scheduled an outcome, which must not follow this one.
    tx.store.take_scheduled(dispute_id)
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
    """Return true for an inquiry, which has taken no money."""
    return str(dispute["status"]).startswith("warning_")


def taken_cents(store: Store, charge_id: str) -> int:
    """Return the amount of a charge that banks have taken back."""
    return _disputed_cents(store, charge_id, _TAKEN)


def _add_evidence(dispute: Json, evidence: Json) -> None:
    if dispute["status"] not in _WAITING:
        raise refused(
            f"Dispute {dispute['id']} takes no more evidence: it is {dispute['status']}.",
            param="evidence",
        )
    dispute["evidence"] = dispute["evidence"] | evidence
    dispute["evidence_details"] = dispute["evidence_details"] | {"has_evidence": True}


def _send(tx: Transaction, dispute: Json) -> None:
    dispute["status"] = dispute["status"].replace("needs_response", "under_review")
    details = dispute["evidence_details"]
    dispute["evidence_details"] = details | {
        "submission_count": details["submission_count"] + 1,
        "submission_method": "manual",
    }
    decision = _DECISIVE.get(dispute["evidence"]["uncategorized_text"] or "")
    is_possible = decision != "escalate_inquiry" or is_inquiry(dispute)
    if decision is not None and is_possible:
        tx.schedule(dispute["id"], decision)


def _disputable_cents(store: Store, charge: Json) -> int:
    left = charge["amount_captured"] - charge["amount_refunded"]
    return int(left) - _disputed_cents(store, charge["id"], (*OPEN, "lost"))


def _disputed_cents(store: Store, charge_id: str, states: Collection[str]) -> int:
    cases = store.find_all("dispute", "charge", charge_id)
    return sum(case["amount"] for case in cases if case["status"] in states)


def _withdraw(tx: Transaction, dispute: Json) -> None:
    balance.book_dispute_withdrawal(tx, dispute)
    tx.store.replace(dispute)


def _case_fields(charge: Json, reason: str, *, is_inquiry: bool) -> Json:
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
        "evidence": _known_evidence(charge),
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
    """Return the last second of the day on which evidence is due."""
    day = dt.datetime.fromtimestamp(now, tz=dt.UTC).date() + dt.timedelta(days=_RESPONSE_DAYS)
    return int(dt.datetime.combine(day, dt.time(23, 59, 59), tzinfo=dt.UTC).timestamp())


def _known_evidence(charge: Json) -> Json:
    """Return the evidence of a new dispute, which has the billing details of the charge."""
    return {
        **dict.fromkeys(_TEXTS + _FILES),
        "customer_email_address": charge["billing_details"]["email"],
        "customer_name": charge["billing_details"]["name"],
        "enhanced_evidence": {},
    }


def _read_evidence(params: Params) -> Json:
    """Return the given fields of `evidence`; the fake Stripe has no files."""
    fields = params.nested("evidence")
    if fields is None:
        return {}
    for name in _FILES:
        file_id = fields.text(name)
        if file_id is not None:
            raise missing("file upload", file_id, param=f"evidence[{name}]")
    return {name: fields.clearable_text(name) for name in _TEXTS if fields.has(name)}
