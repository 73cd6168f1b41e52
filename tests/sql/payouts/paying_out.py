"""Transfers for tests, made by the product's own functions."""

import json
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import AMOUNT, INTENT, outbox_rows, service_of, stored


#: The seller's part of an order of $100.00, less the fee of 5 %.
PART = 9500
#: The accounts of an order whose seller was paid: only the fee is left.
PAID = {"stripe_clearing": AMOUNT - PART, "platform_fee": PART - AMOUNT}
ACCOUNT = "acct_seller"


def onboarded(owner: Connection, seller: Actor, *, enabled: bool = True) -> None:
    """Give the seller a Connect account, which can be paid unless `enabled` is false."""
    service = service_of(owner)
    account_id = f"{ACCOUNT}_{seller.id}"
    answer = service.call("set_connect_account", user_id=seller.id, account_id=account_id)
    assert answer["success"], answer
    account_read(owner, seller, enabled=enabled)


def account_read(owner: Connection, seller: Actor, *, enabled: bool) -> None:
    """Record a reading of the seller's account at Stripe."""
    service = service_of(owner)
    account_id = f"{ACCOUNT}_{seller.id}"
    number = service.call("begin_account_read", account_id=account_id)["read_number"]
    answer = service.call(
        "record_account_read", account_id=account_id, read_number=number, payouts_enabled=enabled
    )
    assert answer["success"], answer


def payouts(owner: Connection, order_id: UUID) -> list[dict[str, Any]]:
    query = """
      select to_jsonb(p) from public.payouts as p where order_id = %s
      order by stripe_transfer_id, id
    """
    return [row for (row,) in owner.execute(query, [order_id])]


def payout(owner: Connection, order_id: UUID) -> dict[str, Any]:
    [row] = payouts(owner, order_id)
    return row


def states(owner: Connection, order_id: UUID) -> list[tuple[str, int, int]]:
    """Return status, amount and reversed amount of each payout, by its transfer."""
    keys = ("status", "amount_cents", "reversed_cents")
    rows = payouts(owner, order_id)
    return [(str(row[keys[0]]), int(row[keys[1]]), int(row[keys[2]])) for row in rows]


def transfer_rows(owner: Connection) -> list[dict[str, Any]]:
    return outbox_rows(owner, "transfer")


def reversal_rows(owner: Connection) -> list[dict[str, Any]]:
    return outbox_rows(owner, "transfer_reversal")


def claimed(owner: Connection, kind: str = "transfer") -> dict[str, Any]:
    """Claim all due rows, and return the one row of a kind."""
    rows = service_of(owner).call("claim_outbox", max_rows=10, lease_s=60)
    [job] = [row for row in rows if row["kind"] == kind]
    assert isinstance(job, dict)
    return job


def lease(job: dict[str, Any]) -> dict[str, Any]:
    return {"outbox_id": job["id"], "lease_token": job["lease_token"]}


def permission(owner: Connection, job: dict[str, Any]) -> Any:
    return service_of(owner).call("claim_send_permission", **lease(job))


def sent(owner: Connection, stripe_object_id: str = "tr_1", kind: str = "transfer") -> Any:
    """Send the due row of a kind as a worker does; return the answer of finish_outbox."""
    job = claimed(owner, kind)
    allowed = permission(owner, job)
    assert allowed["may_send"], allowed
    return service_of(owner).call(
        "finish_outbox",
        stripe_object_id=stripe_object_id,
        result=json.dumps({"amount_cents": allowed["payload"]["amount_cents"]}),
        **lease(job),
    )


def reversal(reversal_id: str, cents: int, row: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a reversal as a handler reads it; it was made outside unless a row is named."""
    return {
        "id": reversal_id,
        "amount_cents": cents,
        "outbox_id": row and row["id"],
        "dedupe_key": row and row["dedupe_key"],
    }


def report_transfer(
    owner: Connection,
    order_id: UUID | None,
    *reversals: dict[str, Any],
    row: dict[str, Any] | None = None,
    **changes: object,
) -> Any:
    """Apply a new event about a transfer; it was made outside unless a row is named."""
    reading: dict[str, object] = {
        "event_id": stored(owner, "transfer.created", None, event_id=f"evt_{uuid4().hex}"),
        "stripe_transfer_id": "tr_1",
        "outbox_id": row and row["id"],
        "dedupe_key": row and row["dedupe_key"],
        "order_ref": order_id and str(order_id),
        "charge_id": None,
        "amount_cents": PART,
        "currency": "aud",
        "reversals": json.dumps(reversals),
    }
    return service_of(owner).call("apply_transfer", **(reading | changes))


def charge_of(intent: str = INTENT) -> str:
    return f"ch_{intent}"
