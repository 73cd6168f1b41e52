"""Disputes at Stripe for tests, applied as our handler applies them."""

from typing import Any
from uuid import UUID

from psycopg import Connection

from tests.sql.paying import AMOUNT, INTENT, service_of, stored


def report_dispute(
    owner: Connection,
    status: str,
    withdrawn: int = 0,
    reinstated: int = 0,
    *,
    dispute_id: str = "du_1",
    intent: str | None = INTENT,
    **changes: object,
) -> Any:
    """Apply a new event with this reading of a dispute at Stripe; return the answer."""
    dispute = {
        "stripe_dispute_id": dispute_id,
        "payment_intent_id": intent,
        "charge_id": f"ch_{intent}",
        "amount_cents": max(withdrawn, 1),
        "currency": "aud",
        "status": status,
        "reason": "fraudulent",
        "withdrawn_cents": withdrawn,
        "reinstated_cents": reinstated,
        "created": 1_790_000_000,
    }
    event_id = stored(owner, "charge.dispute.updated", intent)
    return service_of(owner).call("apply_dispute", event_id=event_id, **(dispute | changes))


def lost(owner: Connection, amount: int = AMOUNT, **more: Any) -> Any:
    """Let the bank take `amount`, and decide for the buyer."""
    assert report_dispute(owner, "needs_response", amount, **more)["outcome"] == "processed"
    return report_dispute(owner, "lost", amount, **more)


def won(owner: Connection, amount: int = AMOUNT, **more: Any) -> Any:
    """Let the bank take `amount`, decide for the seller, and return it."""
    assert report_dispute(owner, "needs_response", amount, **more)["outcome"] == "processed"
    return report_dispute(owner, "won", amount, amount, **more)


def dispute_row(owner: Connection, dispute_id: str | UUID = "du_1") -> dict[str, Any]:
    """Return the row of a dispute, by our id or Stripe's."""
    query = """
      select to_jsonb(d) from public.disputes as d where %(id)s in (id::text, stripe_dispute_id)
    """
    [(row,)] = owner.execute(query, {"id": str(dispute_id)}).fetchall()
    assert isinstance(row, dict)
    return row
