"""The SQL functions of the orders domain: one function here for each.

Every call may be repeated. A repeated call changes nothing and gets the same answer.
"""

from collections.abc import Mapping
from typing import Any

from market.database import Database, accepted
from market.orders.types import ActionResult, OrderAction


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
