"""Orders and their money for tests, made by the product's own functions."""

from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned


#: Every order of these tests costs $100.00, of which the fee is $5.00.
AMOUNT = 10_000
#: The one intent that a test's order has, unless it says otherwise.
INTENT = "pi_current"

#: Each state and the moves that lead there from `paid`, each with its actor.
ROUTES: dict[str, list[tuple[str, str]]] = {
    "paid": [],
    "ready_for_handover": [("ready_for_handover", "seller")],
    "shipped": [("shipped", "seller")],
    "delivered": [("shipped", "seller"), ("delivered", "buyer")],
    "released": [("shipped", "seller"), ("delivered", "buyer"), ("released", "buyer")],
    "disputed": [("disputed", "buyer")],
}


def service_of(owner: Connection) -> Actor:
    """Return the service role as an actor on `owner`'s connection."""
    return Actor(connection=owner, role="service_role")


def ordered(seller: Actor, buyer: Actor) -> UUID:
    """Sell an item to `buyer`; return the id of the unpaid order."""
    auction_id = auctioned(seller)
    bid = buyer.call("place_bid", auction_id=auction_id, amount_cents=AMOUNT)
    assert bid["success"], bid
    answer = service_of(seller.connection).call("end_auction", auction_id=auction_id, force=True)
    assert answer["status"] == "finalized", answer
    return UUID(answer["order_id"])


def order_row(owner: Connection, order_id: UUID) -> dict[str, Any]:
    """Return the row of an order."""
    query = "select to_jsonb(o) from public.orders as o where id = %s"
    [(row,)] = owner.execute(query, [order_id]).fetchall()
    assert isinstance(row, dict)
    return row


def attached(owner: Connection, order_id: UUID, intent: str = INTENT) -> Any:
    """Make `intent` the current one of the order, as create-intent does."""
    service = service_of(owner)
    begun = service.call(
        "begin_payment", order_id=order_id, buyer_id=order_row(owner, order_id)["buyer_id"]
    )
    assert begun["success"], begun
    return service.call(
        "attach_payment_intent",
        order_id=order_id,
        attempt=begun["attempt"],
        payment_intent_id=intent,
    )


def stored(owner: Connection, type_: str, intent: str | None = INTENT, **changes: object) -> str:
    """Store a new event about `intent`; return its id."""
    event = {
        "event_id": f"evt_{uuid4().hex}",
        "source": "stripe",
        "type": type_,
        "livemode": False,
        "created": 1_790_000_000,
        "order_ref": None,
        "payment_intent_id": intent,
        "object_id": intent,
        "payload": "{}",
        "payload_sha256": "aa",
        "lease_token": uuid4(),
    }
    answer = service_of(owner).call("store_webhook_event", **(event | changes))
    assert answer["stored"], answer
    return str((event | changes)["event_id"])


def succeeded(owner: Connection, order_id: object, intent: str = INTENT, **changes: object) -> Any:
    """Apply a new event that `intent` was paid; return the answer."""
    buyer = "select buyer_id::text from public.orders where id::text = %s"
    payment = {
        "order_id": str(order_id),
        "payment_intent_id": intent,
        "charge_id": f"ch_{intent}",
        "amount_cents": AMOUNT,
        "currency": "aud",
        "buyer_id": next((row for (row,) in owner.execute(buyer, [str(order_id)])), None),
    }
    event_id = changes.pop("event_id", None) or stored(owner, "payment_intent.succeeded", intent)
    return service_of(owner).call(
        "apply_payment_succeeded", event_id=event_id, **(payment | changes)
    )


def declined(owner: Connection, order_id: UUID, charge_id: str, intent: str = INTENT) -> Any:
    """Apply a new event that a payment with `intent` was declined."""
    return service_of(owner).call(
        "apply_payment_failed",
        event_id=stored(owner, "payment_intent.payment_failed", intent),
        order_id=str(order_id),
        payment_intent_id=intent,
        charge_id=charge_id,
        error_message="Your card was declined.",
    )


def canceled(owner: Connection, order_id: UUID, intent: str = INTENT) -> Any:
    """Apply a new event that `intent` was canceled."""
    return service_of(owner).call(
        "apply_payment_canceled",
        event_id=stored(owner, "payment_intent.canceled", intent),
        order_id=str(order_id),
        payment_intent_id=intent,
    )


def paid(owner: Connection, order_id: UUID) -> None:
    """Pay the order."""
    assert attached(owner, order_id)["success"]
    assert succeeded(owner, order_id)["outcome"] == "processed"


def moved(
    owner: Connection, order_id: UUID, to_state: str, kind: str, reason: str | None = None
) -> Any:
    """Move the order once; return the answer."""
    return service_of(owner).call(
        "transition_order",
        order_id=order_id,
        to_state=to_state,
        actor_id=None,
        actor_kind=kind,
        reason=reason,
    )


def buyer_of(owner: Connection, order_id: UUID) -> Actor:
    """Return the buyer of an order, signed in."""
    buyer_id = UUID(order_row(owner, order_id)["buyer_id"])
    return Actor(connection=owner, role="authenticated", user_id=buyer_id)


def complained(owner: Connection, order_id: UUID) -> Any:
    """Let the buyer open a dispute; return the answer."""
    return buyer_of(owner, order_id).call(
        "open_dispute",
        order_id=order_id,
        dispute_type="item_not_received",
        reason="It never came",
        description=None,
    )


def brought_to(owner: Connection, order_id: UUID, state: str) -> None:
    """Pay the order and move it on to `state`."""
    paid(owner, order_id)
    for to_state, kind in ROUTES[state]:
        if to_state == "disputed":
            assert complained(owner, order_id)["success"]
        else:
            assert moved(owner, order_id, to_state, kind)["success"]


def refund_requested(owner: Connection, order_id: UUID, amount: int | None, **more: object) -> Any:
    """Reserve a refund as the seller; return the answer."""
    request: dict[str, object] = {
        "order_id": order_id,
        "refund_amount_cents": amount,
        "refund_reason": "agreed",
        "user_id": order_row(owner, order_id)["seller_id"],
        "client_request_id": uuid4(),
    }
    return service_of(owner).call("process_refund_transaction", **(request | more))


def refund_finished(owner: Connection, status: str, stripe_refund_id: str = "re_1") -> Any:
    """Let the worker send the one queued refund, with the answer `status` of Stripe."""
    service = service_of(owner)
    [job] = service.call("claim_outbox", max_rows=10, lease_s=60)
    lease = {"outbox_id": job["id"], "lease_token": job["lease_token"]}
    assert service.call("claim_send_permission", **lease)["may_send"]
    return service.call(
        "finish_outbox",
        stripe_object_id=stripe_refund_id,
        result=f'{{"status": "{status}"}}',
        **lease,
    )


def refunds(owner: Connection) -> list[tuple[int, str, str | None]]:
    """Return amount, status and Stripe's id of each refund."""
    query = "select amount_cents, status::text, stripe_refund_id from public.refunds order by id"
    return [(int(a), str(s), r) for a, s, r in owner.execute(query)]


def report_refund(
    owner: Connection,
    status: str,
    amount: int,
    *,
    stripe_refund_id: str = "re_1",
    outbox_id: str | None = None,
    intent: str = INTENT,
    **more: object,
) -> Any:
    """Apply a new event with this state of a refund; return the answer."""
    return service_of(owner).call(
        "apply_refund",
        event_id=stored(owner, "refund.updated", intent),
        stripe_refund_id=stripe_refund_id,
        outbox_id=outbox_id,
        payment_intent_id=intent,
        amount_cents=amount,
        status=status,
        **more,
    )


def outbox_rows(owner: Connection, kind: str) -> list[dict[str, Any]]:
    """Return the outbox rows of one kind, in the order in which they are due."""
    query = (
        "select to_jsonb(o) from public.outbox as o where kind = %s order by next_attempt_at, id"
    )
    return [row for (row,) in owner.execute(query, [kind])]


def balances(owner: Connection, order_id: UUID) -> dict[str, int]:
    """Return the balance of each account of the order that is not zero."""
    query = """
      select account::text, sum(amount_cents)::bigint from public.ledger_entries
      where order_id = %s group by account having sum(amount_cents) <> 0
    """
    return dict(owner.execute(query, [order_id]).fetchall())


def drift(owner: Connection) -> list[tuple[str, int, int]]:
    """Return what `ledger_drift` names: account, expected and actual cents."""
    query = "select account, expected_cents, actual_cents from public.ledger_drift()"
    return [(str(a), int(e), int(c)) for a, e, c in service_of(owner).rows(query)]


def notified(owner: Connection, user: Actor) -> list[str]:
    """Return the types of a user's notifications, oldest first."""
    query = "select type from public.notifications where user_id = %s order by type"
    return [type_ for (type_,) in owner.execute(query, [user.id])]
