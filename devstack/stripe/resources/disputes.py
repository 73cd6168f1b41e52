"""Disputes as their merchant sees and answers them: https://docs.stripe.com/api/disputes."""

from devstack.stripe import scheduled_actions
from devstack.stripe.errors import refused
from devstack.stripe.lists import equals, read_page
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import dispute_cases, dispute_evidence
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


_WAITING = ("needs_response", "warning_needs_response")
#: Evidence that decides a test dispute: https://docs.stripe.com/testing#evidence.
_DECISIVE = {
    "winning_evidence": "win_dispute",
    "losing_evidence": "lose_dispute",
    "escalate_inquiry_evidence": "escalate_inquiry",
}


def retrieve(tx: Transaction, params: Params, dispute_id: str) -> Json:
    """`GET /v1/disputes/:id`."""
    params.finish()
    return tx.get("dispute", dispute_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/disputes`, by `charge` or `payment_intent`."""
    conditions = [
        *equals("charge", params.text("charge")),
        *equals("payment_intent", params.text("payment_intent")),
    ]
    return read_page(tx.store, params, "dispute", url="/v1/disputes", conditions=conditions)


def update(tx: Transaction, params: Params, dispute_id: str) -> Json:
    """`POST /v1/disputes/:id`: evidence, sent to the bank unless `submit` is false."""
    evidence = dispute_evidence.read(params)
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
    """`POST /v1/disputes/:id/close`: the merchant gives in, and the dispute is lost."""
    params.finish()
    return dispute_cases.settle(tx, dispute_id, "lost")


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
    is_possible = decision != "escalate_inquiry" or dispute_cases.is_inquiry(dispute)
    if decision is not None and is_possible:
        scheduled_actions.schedule(tx, dispute["id"], decision)
