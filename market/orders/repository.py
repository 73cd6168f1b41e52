"""The SQL functions of the orders domain: one function here for each.

Every call may be repeated. A repeated call changes nothing and gets the same answer.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from market.database import Database, accepted
from market.orders.types import ActionResult, OrderAction, ParcelStep


def get_order(database: Database, *, order_id: str, user_id: str, aal: str) -> Mapping[str, Any]:
    """Return an order as its page shows it to this user.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, or `FORBIDDEN` unless the user is a party or staff.

    """
    answer = accepted(database.call("get_order", order_id=order_id, user_id=user_id, aal=aal))
    order: Mapping[str, Any] = answer["order"]
    return order


def act_on_order(
    database: Database, *, order_id: str, user_id: str, action: OrderAction
) -> ActionResult:
    """Let a party act on an order.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN` if the action is not this user's,
            `CONFLICT` if it is not possible now.

    """
    answer = accepted(
        database.call("act_on_order", order_id=order_id, user_id=user_id, action=action.value)
    )
    return ActionResult(
        state=answer["state"],
        updated_at=answer["updated_at"],
        seller_amount_cents=answer.get("seller_amount_cents"),
        refund_amount_cents=answer.get("refund_amount_cents"),
        refund_status=answer.get("refund_status"),
    )


def init_pickup(
    database: Database, *, order_id: str, user_id: str, code_hmac: str, qr_token_hmac: str
) -> str:
    """Store a new pickup code in the place of the old one; return when it expires.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN` unless the user is the seller, `NOT_READY`.

    """
    answer = accepted(
        database.call(
            "init_pickup",
            order_id=order_id,
            user_id=user_id,
            code_hmac=code_hmac,
            qr_token_hmac=qr_token_hmac,
        )
    )
    return str(answer["expires_at"])


def redeem_pickup(
    database: Database,
    *,
    order_id: str,
    user_id: str,
    code_hmac: str | None,
    qr_token_hmac: str | None,
    request_id: str,
) -> str:
    """Redeem a pickup code; return the state that the order reached by it.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN` unless the user is the buyer, `NOT_READY`,
            `PICKUP_LOCKED`, `CODE_EXPIRED`, `INVALID_CODE`.

    """
    answer = accepted(
        database.call(
            "redeem_pickup",
            order_id=order_id,
            user_id=user_id,
            code_hmac=code_hmac,
            qr_token_hmac=qr_token_hmac,
            request_id=request_id,
        )
    )
    return str(answer["state"])


def save_shipment(
    database: Database,
    *,
    order_id: str,
    user_id: str,
    carrier: str,
    tracking: str,
    label_url: str | None,
) -> Mapping[str, Any]:
    """Save the parcel of an order, and return its row; the first save marks the order shipped.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN` unless the user is the seller,
            `VALIDATION_ERROR`, `CONFLICT` if the order cannot be shipped now.

    """
    answer = accepted(
        database.call(
            "save_shipment",
            order_id=order_id,
            user_id=user_id,
            carrier=carrier,
            tracking=tracking,
            label_url=label_url,
        )
    )
    shipment: Mapping[str, Any] = answer["shipment"]
    return shipment


def add_shipment_event(
    database: Database, step: ParcelStep, *, order_id: str, user_id: str
) -> Mapping[str, Any]:
    """Add a step of the parcel, and return its row.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND` also without a shipment, `FORBIDDEN` unless the user is
            the seller, `VALIDATION_ERROR`.

    """
    answer = accepted(
        database.call(
            "add_shipment_event",
            order_id=order_id,
            user_id=user_id,
            # The adapter may repeat the call, and SQL adds one event per id.
            event_id=str(uuid.uuid4()),
            status=step.status,
            description=step.description,
            location=step.location,
            event_time=step.event_time,
        )
    )
    event: Mapping[str, Any] = answer["event"]
    return event
